"""Operators: who works in the web pages."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from psycopg import errors
from psycopg.rows import class_row

from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries
from billing_core.errors import BillingError
from billing_core.permissions import SELLERS

_QUERIES = load_queries("operators")


class OperatorError(BillingError):
    """This cannot be said of an operator."""

    def __init__(self, username: str, why: str) -> None:
        super().__init__(f"Operator {username}: {why}.")


class UnknownOperatorError(BillingError):
    """There is no such operator."""

    def __init__(self, username: str) -> None:
        super().__init__(f"There is no operator {username}.")


@dataclass(frozen=True, slots=True)
class NewOperator:
    """An operator before his first login."""

    username: str
    password_hash: str
    role: str
    name: str = ""
    parent_id: int | None = None
    permissions: tuple[str, ...] = ()
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator; never his password."""

    operator_id: int
    username: str
    name: str
    role: str
    parent_id: int | None
    parent: str | None
    permissions: list[str]
    has_totp: bool
    is_disabled: bool
    language: str
    created_at: datetime
    last_login_at: datetime | None


@dataclass(frozen=True, slots=True)
class OperatorTies:
    """What hangs on an operator."""

    has_operators: bool
    has_customers: bool
    is_last_admin: bool


@dataclass(frozen=True, slots=True)
class OperatorEvent:
    """Who did what that no customer's log tells."""

    at: datetime
    actor: str
    what: str
    note: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an operator proves himself by."""

    operator_id: int
    password_hash: str
    totp_sealed: bytes | None
    totp_step: int
    is_disabled: bool


_CONSTRAINTS = {
    "operator_username_unique": "the username is taken",
    "operator_username_plain": "a username is of small letters, digits, . _ - and"
    " begins with a letter or digit",
    "operator_role_known": "there is no such role",
    "operator_admin_has_no_parent": "admins and operators stand below nobody",
    "operator_sub_operator_has_a_parent": "a sub-operator stands below an operator",
    "operator_language_known": "pages are in en or bn",
}


def insert_operator(conn: Connection, operator: NewOperator, now: datetime) -> int:
    """Write an operator; returns his id."""
    try:
        row = conn.execute(
            _QUERIES["insert_operator"],
            {
                "username": operator.username,
                "name": operator.name,
                "password_hash": operator.password_hash,
                "role": operator.role,
                "parent_id": operator.parent_id,
                "permissions": list(operator.permissions),
                "language": operator.language,
                "now": now,
            },
        ).fetchone()
    except (errors.UniqueViolation, errors.CheckViolation) as error:
        constraint = error.diag.constraint_name or ""
        raise OperatorError(
            operator.username, _CONSTRAINTS.get(constraint, constraint)
        ) from None
    return 0 if row is None else int(row[0])


def find_operator(conn: Connection, username: str) -> Operator:
    """Return the operator with this username."""
    with conn.cursor(row_factory=class_row(Operator)) as cursor:
        found = cursor.execute(
            _QUERIES["find_operator"], {"username": username}
        ).fetchone()
    if found is None:
        raise UnknownOperatorError(username)
    return found


def find_seller(conn: Connection, username: str) -> Operator:
    """Return who may have customers of his own: an operator or a sub-operator."""
    found = find_operator(conn, username)
    if found.role not in SELLERS:
        raise OperatorError(
            username, "only operators and sub-operators have customers of their own"
        )
    return found


def list_operators(
    conn: Connection, scope: Iterable[int] | None = None
) -> list[Operator]:
    """Return the operators of a scope, by username; None = all."""
    values = {"scope": None if scope is None else list(scope)}
    with conn.cursor(row_factory=class_row(Operator)) as cursor:
        return cursor.execute(_QUERIES["list_operators"], values).fetchall()


def read_credentials(conn: Connection, username: str) -> Credentials | None:
    """Return what an operator proves himself by; None = nobody has the username."""
    with conn.cursor(row_factory=class_row(Credentials)) as cursor:
        return cursor.execute(
            _QUERIES["read_credentials"], {"username": username}
        ).fetchone()


def read_operator_credentials(conn: Connection, operator_id: int) -> Credentials:
    """Return what a known operator proves himself by."""
    with conn.cursor(row_factory=class_row(Credentials)) as cursor:
        found = cursor.execute(
            _QUERIES["read_operator_credentials"], {"operator_id": operator_id}
        ).fetchone()
    if found is None:
        raise UnknownOperatorError(str(operator_id))
    return found


def set_operator_password(
    conn: Connection, operator_id: int, password_hash: str
) -> None:
    """Replace an operator's password."""
    conn.execute(
        _QUERIES["set_operator_password"],
        {"operator_id": operator_id, "password_hash": password_hash},
    )


def set_operator_disabled(
    conn: Connection, operator_id: int, *, is_disabled: bool
) -> bool:
    """Shut an operator out or let him in again; False when it was so already."""
    values = {"operator_id": operator_id, "is_disabled": is_disabled}
    return conn.execute(_QUERIES["set_operator_disabled"], values).rowcount == 1


def set_operator_terms(
    conn: Connection,
    operator_id: int,
    *,
    name: str,
    permissions: Iterable[str],
    language: str,
) -> None:
    """Say what an operator is called and may do."""
    conn.execute(
        _QUERIES["set_operator_terms"],
        {
            "operator_id": operator_id,
            "name": name,
            "permissions": list(permissions),
            "language": language,
        },
    )


def set_operator_role(
    conn: Connection, operator: Operator, role: str, parent_id: int | None
) -> None:
    """Give an operator another role."""
    try:
        conn.execute(
            _QUERIES["set_operator_role"],
            {
                "operator_id": operator.operator_id,
                "role": role,
                "parent_id": parent_id,
            },
        )
    except errors.CheckViolation as error:
        constraint = error.diag.constraint_name or ""
        raise OperatorError(
            operator.username, _CONSTRAINTS.get(constraint, constraint)
        ) from None


def read_operator_ties(conn: Connection, operator_id: int) -> OperatorTies:
    """Return what hangs on an operator; admins stay as they are until the commit."""
    conn.execute(_QUERIES["lock_admins"])
    with conn.cursor(row_factory=class_row(OperatorTies)) as cursor:
        found = cursor.execute(
            _QUERIES["read_operator_ties"], {"operator_id": operator_id}
        ).fetchone()
    if found is None:
        raise UnknownOperatorError(str(operator_id))
    return found


def list_operator_events(
    conn: Connection, username: str, *, limit: int
) -> list[OperatorEvent]:
    """Return what an operator did and what was done to him, newest first."""
    with conn.cursor(row_factory=class_row(OperatorEvent)) as cursor:
        return cursor.execute(
            _QUERIES["list_operator_events"], {"username": username, "limit": limit}
        ).fetchall()


def set_operator_language(conn: Connection, operator_id: int, language: str) -> None:
    """Let an operator read another language."""
    conn.execute(
        _QUERIES["set_operator_language"],
        {"operator_id": operator_id, "language": language},
    )


def set_totp(conn: Connection, operator_id: int, totp_sealed: bytes | None) -> None:
    """Let an operator have a TOTP secret, or none."""
    conn.execute(
        _QUERIES["set_totp"], {"operator_id": operator_id, "totp_sealed": totp_sealed}
    )


def use_totp_step(conn: Connection, operator_id: int, step: int) -> bool:
    """Use up the TOTP code of a step; False when it or a later one was used before."""
    values = {"operator_id": operator_id, "step": step}
    return conn.execute(_QUERIES["use_totp_step"], values).rowcount == 1


def note_login(conn: Connection, operator_id: int, now: datetime) -> None:
    """Note that an operator logged in."""
    conn.execute(_QUERIES["note_login"], {"operator_id": operator_id, "now": now})


def log_operator_event(
    conn: Connection, *, at: datetime, actor: str, what: str, note: str = ""
) -> None:
    """Log who did what that no customer's log tells."""
    conn.execute(
        _QUERIES["insert_operator_event"],
        {"at": at, "actor": actor, "what": what, "note": note},
    )
