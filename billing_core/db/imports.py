"""Files of customers to take on, and many customers at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from psycopg import errors
from psycopg.rows import class_row

from billing_core.db.connect import Connection
from billing_core.db.customers import CustomerError, NewCustomer
from billing_core.db.queries import load_queries
from billing_core.db.static_addresses import copy_static_addresses
from billing_core.errors import BillingError

_QUERIES = load_queries("imports")
_ONCE = "customer_import_once"


class ImportedAlreadyError(BillingError):
    """A file is imported once."""

    def __init__(self, file_name: str) -> None:
        super().__init__(f"{file_name} was imported before: nothing was changed.")


class UnknownImportError(BillingError):
    """There is no such file."""

    def __init__(self, import_id: int) -> None:
        super().__init__(f"There is no import {import_id}.")


@dataclass(frozen=True, slots=True)
class CustomerImport:
    """A file of customers, and what became of it."""

    import_id: int
    uploaded_at: datetime
    actor: str
    file_name: str
    sha256: bytes
    #: None = imported, thrown away, or too old.
    sealed: bytes | None = field(repr=False)
    imported_at: datetime | None
    customers: int


def insert_import(
    conn: Connection,
    *,
    actor: str,
    file_name: str,
    sha256: bytes,
    sealed: bytes | None,
    now: datetime,
) -> int:
    """Keep a file until somebody decides; returns its number."""
    row = conn.execute(
        _QUERIES["insert_import"],
        {
            "actor": actor,
            "file_name": file_name,
            "sha256": sha256,
            "sealed": sealed,
            "now": now,
        },
    ).fetchone()
    return 0 if row is None else int(row[0])


def forget_old_files(conn: Connection, *, before: datetime) -> None:
    """Throw away the files that nobody decided on."""
    conn.execute(_QUERIES["forget_old_files"], {"before": before})


def forget_file(conn: Connection, import_id: int) -> None:
    """Throw a file away; what is said of it stays."""
    conn.execute(_QUERIES["forget_file"], {"import_id": import_id})


def read_import(conn: Connection, import_id: int) -> CustomerImport:
    """Return a file."""
    with conn.cursor(row_factory=class_row(CustomerImport)) as cursor:
        found = cursor.execute(
            _QUERIES["read_import"], {"import_id": import_id}
        ).fetchone()
    if found is None:
        raise UnknownImportError(import_id)
    return found


def find_imported(conn: Connection, sha256: bytes) -> CustomerImport | None:
    """Return the import of this very file, if it was imported."""
    with conn.cursor(row_factory=class_row(CustomerImport)) as cursor:
        return cursor.execute(_QUERIES["find_imported"], {"sha256": sha256}).fetchone()


def list_imports(
    conn: Connection, actor: str | None, *, limit: int
) -> list[CustomerImport]:
    """Return the newest files, of one actor or (None) of everybody; without content."""
    with conn.cursor(row_factory=class_row(CustomerImport)) as cursor:
        return cursor.execute(
            _QUERIES["list_imports"], {"actor": actor, "limit": limit}
        ).fetchall()


def finish_import(
    conn: Connection, done: CustomerImport, customers: int, *, now: datetime
) -> None:
    """Note that a file is imported; refuse it if it was."""
    values = {"import_id": done.import_id, "customers": customers, "now": now}
    try:
        count = conn.execute(_QUERIES["finish_import"], values).rowcount
    except errors.UniqueViolation as error:
        if not (error.diag.constraint_name or "").startswith(_ONCE):
            raise
        count = 0
    if count != 1:
        raise ImportedAlreadyError(done.file_name)


def list_taken(conn: Connection, usernames: Sequence[str]) -> set[str]:
    """Return which of these usernames somebody has."""
    rows = conn.execute(_QUERIES["list_taken"], {"usernames": list(usernames)})
    return {str(row[0]) for row in rows}


def insert_customers(
    conn: Connection,
    customers: Sequence[tuple[NewCustomer, Decimal]],
    *,
    actor: str,
    note: str,
    now: datetime,
) -> None:
    """Write customers with logins and empty wallets, and log it; all or none."""
    rows = conn.execute(_QUERIES["take_ids"], {"count": len(customers)}).fetchall()
    numbered = [
        (int(row[0]), customer, limit)
        for row, (customer, limit) in zip(rows, customers, strict=True)
    ]
    _copy(
        conn,
        _QUERIES["copy_customers"],
        (_columns(number, c) for number, c, _ in numbered),
    )
    try:
        _copy(
            conn,
            _QUERIES["copy_logins"],
            ((c.username, number) for number, c, _ in numbered),
        )
    except errors.UniqueViolation as error:
        # Taken since it was looked at. Detail: Key (username)=(…) already exists.
        username = (error.diag.message_detail or "").partition(")=(")[2]
        raise CustomerError(
            username.rpartition(")")[0] or "?", "the username is taken"
        ) from None
    copy_static_addresses(
        conn,
        ((c.framed_ip, number) for number, c, _ in numbered if c.framed_ip is not None),
    )
    _copy(
        conn,
        _QUERIES["copy_wallets"],
        ((number, limit) for number, _, limit in numbered),
    )
    _copy(
        conn,
        _QUERIES["copy_events"],
        ((number, now, actor, "added", note) for number, _, _ in numbered),
    )


def _copy(conn: Connection, query: str, rows: Iterable[tuple[object, ...]]) -> None:
    with conn.cursor() as cursor, cursor.copy(query) as copy:
        for row in rows:
            copy.write_row(row)


def _columns(number: int, c: NewCustomer) -> tuple[object, ...]:
    return (
        number,
        c.username,
        c.name,
        c.mobile,
        c.password_sealed,
        c.package_id,
        c.framed_ip,
        c.mac_binding,
        c.sessions_allowed,
        c.kind,
        c.profile_id,
        c.activated_at,
        c.special_price,
        c.discount_percent,
        c.mail,
        c.language,
        c.operator_id,
        c.zone,
        c.address,
        c.comment,
    )
