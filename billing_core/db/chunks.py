"""Go through many customers, some at a time, each chunk in its own transaction."""

from collections.abc import Iterator, Mapping
from typing import LiteralString

from billing_core.db.connect import Connection


def in_chunks(
    conn: Connection, query: LiteralString, values: Mapping[str, object], chunk: int
) -> Iterator[list[int]]:
    """Yield the customer ids that a query finds, so many at a time.

    The server finds all of them once and keeps them over the chunks' commits. To look
    anew after each chunk costs the square of the customers: the planner likes to read
    all that are left and sort them.
    """
    with conn.cursor("customers", withhold=True) as cursor:
        cursor.execute(query, values)
        while found := cursor.fetchmany(chunk):
            yield [row[0] for row in found]
