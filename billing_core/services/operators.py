"""Take operators on, let them in and shut them out."""

import base64
import secrets
from collections.abc import Iterable
from datetime import datetime

from billing_core.db import operators as db
from billing_core.db import web_sessions as sessions_db
from billing_core.db.cards import has_cards_for
from billing_core.db.connect import Connection, in_transaction
from billing_core.errors import BillingError
from billing_core.operator_passwords import hash_password
from billing_core.passwords import open_password, seal_password
from billing_core.permissions import (
    ADMIN,
    MANAGER,
    OPERATOR,
    ROLES,
    SELLERS,
    Rank,
    allowed,
    can_be_given,
)


class LastAdminError(BillingError):
    """Somebody must be able to do everything."""

    def __init__(self, username: str) -> None:
        super().__init__(
            f"{username} is the last admin: without him nobody could let one in."
        )


class NameOnCardsError(db.OperatorError):
    """Who had this name would see cards that somebody else made."""

    def __init__(self, username: str) -> None:
        super().__init__(
            username, "cards were made for a distributor of this name; take another"
        )


# RFC 4226 §4, R6: 160 bits are recommended.
_TOTP_OCTETS = 20


def add_operator(
    conn: Connection,
    username: str,
    password: str,
    role: str,
    *,
    name: str = "",
    parent: str | None = None,
    permissions: Iterable[str] = (),
    language: str = "en",
    by_reseller: bool = False,
    actor: str,
    now: datetime,
) -> int:
    """Take an operator on; returns his id.

    Cards are seen by whose username is their distributor's name, so a reseller takes on
    nobody under a name that cards were made for. The provider may: they are his.
    """
    if role not in ROLES:
        raise db.OperatorError(username, f"a role is one of {', '.join(ROLES)}")
    given = _checked(username, role, permissions)
    password_hash = hash_password(password)

    def work() -> int:
        above = db.find_operator(conn, parent) if parent else None
        if above is not None:
            _check_parent(username, role, above)
        if by_reseller and has_cards_for(conn, username):
            raise NameOnCardsError(username)
        operator_id = db.insert_operator(
            conn,
            db.NewOperator(
                username=username,
                password_hash=password_hash,
                role=role,
                name=name,
                parent_id=above.operator_id if above else None,
                permissions=given,
                language=language,
            ),
            now,
        )
        note = f"{username}, {role}"
        db.log_operator_event(
            conn, at=now, actor=actor, what="operator added", note=note
        )
        return operator_id

    return in_transaction(conn, work)


def ensure_admin(
    conn: Connection, username: str, password: str, *, now: datetime
) -> bool:
    """Make the first admin, unless the username is known; his password is then his."""
    if db.read_credentials(conn, username) is not None:
        return False
    add_operator(conn, username, password, ADMIN, actor="khata up", now=now)
    return True


def change_operator(
    conn: Connection,
    username: str,
    *,
    name: str,
    permissions: Iterable[str],
    language: str,
    role: str | None = None,
    parent: str | None = None,
    actor: str,
    now: datetime,
) -> None:
    """Say what an operator is called and may do; it holds from his next click.

    With `role` he has that role from now on, below `parent` (None = nobody).
    """

    def work() -> None:
        operator = db.find_operator(conn, username)
        given = _checked(username, role or operator.role, permissions)
        if role is not None and (role, parent) != (operator.role, operator.parent):
            _change_role(conn, operator, role, parent, actor=actor, now=now)
        db.set_operator_terms(
            conn,
            operator.operator_id,
            name=name,
            permissions=given,
            language=language,
        )
        db.log_operator_event(
            conn,
            at=now,
            actor=actor,
            what="operator changed",
            note=f"{username}: {', '.join(given) or 'nothing beyond his role'}",
        )

    in_transaction(conn, work)


def set_password(
    conn: Connection,
    username: str,
    password: str,
    *,
    actor: str,
    now: datetime,
    but: bytes | None = None,
) -> None:
    """Replace an operator's password and log him out everywhere but (token) here."""
    password_hash = hash_password(password)

    def work() -> None:
        operator_id = db.find_operator(conn, username).operator_id
        db.set_operator_password(conn, operator_id, password_hash)
        sessions_db.delete_operator_sessions(conn, operator_id, but=but)
        db.log_operator_event(
            conn, at=now, actor=actor, what="operator password", note=username
        )

    in_transaction(conn, work)


def set_disabled(
    conn: Connection, username: str, *, is_disabled: bool, actor: str, now: datetime
) -> bool:
    """Shut an operator out at once, or let him in again; False = it was so already."""

    def work() -> bool:
        operator_id = db.find_operator(conn, username).operator_id
        if is_disabled and db.read_operator_ties(conn, operator_id).is_last_admin:
            raise LastAdminError(username)
        if not db.set_operator_disabled(conn, operator_id, is_disabled=is_disabled):
            return False
        sessions_db.delete_operator_sessions(conn, operator_id)
        what = "operator disabled" if is_disabled else "operator enabled"
        db.log_operator_event(conn, at=now, actor=actor, what=what, note=username)
        return True

    return in_transaction(conn, work)


def new_totp_secret() -> str:
    """Make a TOTP secret, as authenticator apps take it: base32."""
    return base64.b32encode(secrets.token_bytes(_TOTP_OCTETS)).decode("ascii")


def set_totp(
    conn: Connection,
    username: str,
    secret: str | None,
    *,
    secret_key: bytes,
    actor: str,
    now: datetime,
    but: bytes | None = None,
) -> None:
    """Let an operator prove himself by a second factor as well, or (None) not.

    He is logged out everywhere but (token) here: a login that the old factor opened
    does not outlive it.
    """
    sealed = None if secret is None else seal_password(secret_key, secret)

    def work() -> None:
        operator_id = db.find_operator(conn, username).operator_id
        db.set_totp(conn, operator_id, sealed)
        sessions_db.delete_operator_sessions(conn, operator_id, but=but)
        what = "second factor removed" if secret is None else "second factor enrolled"
        db.log_operator_event(conn, at=now, actor=actor, what=what, note=username)

    in_transaction(conn, work)


def open_totp(secret_key: bytes, sealed: bytes) -> str:
    """Give back a TOTP secret."""
    return open_password(secret_key, sealed)


def _checked(username: str, role: str, permissions: Iterable[str]) -> tuple[str, ...]:
    # What his role has by itself need not be given, whoever ticked it.
    own = {permission.value for permission in allowed(Rank(role, frozenset()))}
    given = tuple(sorted(set(permissions) - own))
    can = {permission.value for permission in can_be_given(role)}
    for permission in given:
        if permission not in can:
            raise db.OperatorError(
                username,
                f"a {role} cannot be given {permission!r}; what can be given:"
                f" {', '.join(sorted(can)) or 'nothing'}",
            )
    return given


def _change_role(
    conn: Connection,
    operator: db.Operator,
    role: str,
    parent: str | None,
    *,
    actor: str,
    now: datetime,
) -> None:
    ties = db.read_operator_ties(conn, operator.operator_id)
    username = operator.username
    if ties.is_last_admin and role != ADMIN:
        raise LastAdminError(username)
    if (ties.has_customers or ties.has_operators) and role not in SELLERS:
        raise db.OperatorError(
            username, f"has customers or operators of his own, so he is no {role}"
        )
    above = db.find_operator(conn, parent) if parent else None
    if above is not None:
        if ties.has_operators or above.operator_id == operator.operator_id:
            raise db.OperatorError(
                username, "has operators below him, so he stands below nobody"
            )
        _check_parent(username, role, above)
    db.set_operator_role(conn, operator, role, above.operator_id if above else None)
    note = f"{username}: {operator.role} -> {role}" + (
        f", below {above.username}" if above else ""
    )
    db.log_operator_event(conn, at=now, actor=actor, what="operator role", note=note)


def _check_parent(username: str, role: str, parent: db.Operator) -> None:
    if role == "sub_operator" and parent.role != OPERATOR:
        raise db.OperatorError(username, "a sub-operator stands below an operator")
    if parent.role in (MANAGER, "distributor", "admin"):
        raise db.OperatorError(
            username,
            f"nobody stands below {parent.username}, who is a {parent.role}; the"
            " provider's own staff have no parent",
        )
