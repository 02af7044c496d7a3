"""How the pages read a list: a page of it, all of it as a stream, its totals.

One query does all three: what is counted and handed out is what is shown.
"""

from collections.abc import Generator, Mapping, Sequence
from typing import LiteralString, TypeVar

from psycopg import sql
from psycopg.rows import class_row

from billing_core.db.connect import Connection

Row = TypeVar("Row")
#: Operators whose customers one sees; None = everybody's.
Scope = Sequence[int] | None
#: In a filter by operator: customers that are the provider's own.
OWN = 0
#: Totals count up to so many rows: a page must not read a million to say how many.
COUNTED_MAX = 20_000
_STREAMED_AT_ONCE = 1000


def read_page(
    conn: Connection,
    query: LiteralString,
    values: Mapping[str, object],
    row: type[Row],
) -> list[Row]:
    """Return the rows of a list, up to the limit among its values."""
    with conn.cursor(row_factory=class_row(row)) as cursor:
        # Not prepared: each filter has a plan of its own.
        return cursor.execute(query, values, prepare=False).fetchall()


def stream_all(
    conn: Connection,
    query: LiteralString,
    values: Mapping[str, object],
    row: type[Row],
) -> Generator[Row, None, None]:
    """Yield every row of a list, without holding them all."""
    with (
        conn.transaction(),
        conn.cursor("export", row_factory=class_row(row)) as cursor,
    ):
        cursor.itersize = _STREAMED_AT_ONCE
        cursor.execute(query, {**values, "limit": None})
        yield from cursor


def read_totals(
    conn: Connection,
    totals: LiteralString,
    query: LiteralString,
    values: Mapping[str, object],
    row: type[Row],
) -> list[Row] | None:
    """Sum a list up; None when it has more than COUNTED_MAX rows.

    `totals` sums up a table that it calls {filtered}: the list, in no order, since to
    sort what is only added up takes longer than to add it up. Counted first: of most
    lists that are too long an index knows it, without a look at a row.
    """
    rows = sql.SQL(query.rpartition("\n ORDER BY ")[0] + "\n LIMIT %(limit)s")
    bounded = {**values, "limit": COUNTED_MAX + 1}
    count = sql.SQL("SELECT count(*) FROM ({}) AS filtered").format(rows)
    found = conn.execute(count, bounded, prepare=False).fetchone()
    if found is None or found[0] > COUNTED_MAX:
        return None
    summed = sql.SQL(totals).format(filtered=rows)
    with conn.cursor(row_factory=class_row(row)) as cursor:
        return cursor.execute(summed, bounded, prepare=False).fetchall()


def as_list(chosen: Sequence[Row] | None) -> list[Row] | None:
    """Return a scope, or others that are chosen, as a query takes them; None = all."""
    return None if chosen is None else list(chosen)


def like(search: str | None) -> str | None:
    """Return a search as a pattern; % and _ are letters.

    It finds three letters and more anywhere, fewer where a word begins: an index of
    trigrams knows no less.
    """
    if search is None or not search.strip():
        return None
    words = search.strip().lower()
    for special in ("\\", "%", "_"):
        words = words.replace(special, "\\" + special)
    return f"%{words}%" if len(words) >= 3 else f"% {words}%"
