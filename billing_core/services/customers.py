"""Change who a customer is and whose; suspend and restore him."""

from dataclasses import asdict
from datetime import datetime

from billing_core.db import customers as db
from billing_core.db import static_addresses, web_sessions
from billing_core.db import suspension as suspension_db
from billing_core.db.connect import Connection, in_transaction
from billing_core.db.operators import find_seller
from billing_core.fair_use import FAIR_USE
from billing_core.passwords import seal_password
from billing_core.reminders import Event
from billing_core.services.extension import extend_running
from billing_core.services.rating import load_batch, rate_and_write
from billing_core.services.reminders import queue_service_news
from billing_core.services.session_packages import PACKAGE_CHANGED
from billing_core.services.suspension import cut_restricted
from billing_core.suspension import stops_active_service

SUSPENDED_BY_OPERATOR = "OPERATOR"

_STILL_OWES = (
    "owes {} and would be suspended for it again at once: take his payment, or hold him"
    " until a day first"
)


def set_password(
    conn: Connection,
    username: str,
    password: str,
    *,
    secret_key: bytes,
    actor: str,
    now: datetime,
    keep_login: bytes | None = None,
) -> None:
    """Replace a customer's password; running sessions go on.

    His logins to the portal end, but (its token's hash) one: who had the old password
    is not let stay.
    """

    def work() -> None:
        customer_id = db.find_customer_id(conn, username)
        db.set_password(conn, customer_id, seal_password(secret_key, password))
        web_sessions.delete_customer_sessions(conn, customer_id, but=keep_login)
        db.log_customer_event(
            conn, customer_id, at=now, actor=actor, what="password changed"
        )

    in_transaction(conn, work)


def change_contact(
    conn: Connection,
    username: str,
    contact: db.Contact,
    *,
    actor: str,
    now: datetime,
) -> None:
    """Say anew who a customer is and how he is reached; the log tells what changed."""

    def work() -> None:
        customer_id = db.find_customer_id(conn, username)
        was = db.read_customer(conn, customer_id)
        changes = [
            f"{name}: {getattr(was, name) or '-'} -> {value or '-'}"
            for name, value in asdict(contact).items()
            if getattr(was, name) != value
        ]
        if not changes:
            return
        db.set_contact(conn, customer_id, contact)
        db.log_customer_event(
            conn,
            customer_id,
            at=now,
            actor=actor,
            what="contact changed",
            note="; ".join(changes),
        )

    in_transaction(conn, work)


def give_to_operator(
    conn: Connection,
    username: str,
    operator: str | None,
    *,
    actor: str,
    now: datetime,
) -> None:
    """Make a customer an operator's, or (None) the provider's own."""

    def work() -> None:
        customer_id = db.find_customer_id(conn, username)
        operator_id = find_seller(conn, operator).operator_id if operator else None
        if db.read_customer(conn, customer_id).operator_id == operator_id:
            return
        db.set_operator(conn, customer_id, operator_id)
        db.log_customer_event(
            conn,
            customer_id,
            at=now,
            actor=actor,
            what="operator changed",
            note=operator or "the provider's own",
        )

    in_transaction(conn, work)


def set_mac_binding(
    conn: Connection, username: str, mac: str | None, *, actor: str, now: datetime
) -> None:
    """Bind a customer to one device, or (None) to none."""

    def work() -> None:
        customer_id = db.find_customer_id(conn, username)
        db.set_mac_binding(conn, customer_id, mac)
        db.log_customer_event(
            conn,
            customer_id,
            at=now,
            actor=actor,
            what="device bound" if mac else "device released",
            note=mac or "",
        )

    in_transaction(conn, work)


def set_static_address(
    conn: Connection, username: str, address: str | None, *, actor: str, now: datetime
) -> None:
    """Give a customer an address of his own, or (None) one of the pool.

    It holds from his next login: no NAS moves a running session (radius.md §3.1).
    """

    def work() -> None:
        customer_id = db.find_customer_id(conn, username)
        if db.read_customer(conn, customer_id).framed_ip == address:
            return
        static_addresses.release_static_address(conn, customer_id)
        if address is not None:
            static_addresses.take_static_address(conn, customer_id, address)
        static_addresses.set_framed_ip(conn, customer_id, address)
        db.log_customer_event(
            conn,
            customer_id,
            at=now,
            actor=actor,
            what="static address given" if address else "static address released",
            note=address or "",
        )

    in_transaction(conn, work)


def suspend(
    conn: Connection,
    username: str,
    *,
    note: str,
    actor: str,
    now: datetime,
    disable: bool = False,
) -> int:
    """Suspend a customer and put his sessions off; returns how many sessions.

    A customer who is suspended already stays as he is: the first reason counts.
    """

    def work() -> int:
        customer_id = db.find_customer_id(conn, username)
        batch = load_batch(conn, [customer_id])
        status = "disabled" if disable else "suspended"
        if not db.set_status(conn, customer_id, status, SUSPENDED_BY_OPERATOR):
            raise db.CustomerError(username, f"is {status} already")
        suspension_db.open_stretches(conn, [customer_id], reason=status, now=now)
        if not disable:
            news = [(customer_id, SUSPENDED_BY_OPERATOR)]
            queue_service_news(conn, Event.SUSPENDED, news, now=now)
        batch.wallets[customer_id].suspend_reason = SUSPENDED_BY_OPERATOR
        for session in batch.running[customer_id]:
            batch.touch(session)
        result = rate_and_write(conn, batch, now)
        db.log_customer_event(
            conn,
            customer_id,
            at=now,
            actor=actor,
            what=status,
            reason=SUSPENDED_BY_OPERATOR,
            note=note,
        )
        return result.disconnects

    return in_transaction(conn, work)


def activate(
    conn: Connection, username: str, *, note: str, actor: str, now: datetime
) -> None:
    """Restore a suspended, paused or disabled customer; he is billed from now on.

    His next login is accepted again, and a Disconnect that has not left is called off.
    Not who owes so much, or so long, that he would be suspended again at once.
    """

    def work() -> None:
        customer_id = db.find_customer_id(conn, username)
        batch = load_batch(conn, [customer_id])
        for facts in suspension_db.read_service_facts(conn, [customer_id], now):
            if facts.status != "active" and stops_active_service(facts, now):
                raise db.CustomerError(username, _STILL_OWES.format(facts.due))
        if not db.set_status(conn, customer_id, "active", None):
            raise db.CustomerError(username, "is active already")
        cut_restricted(conn, batch, [customer_id], now=now)
        news = [(customer_id, SUSPENDED_BY_OPERATOR)]
        queue_service_news(conn, Event.RESTORED, news, now=now)
        suspension_db.set_paused(conn, customer_id, None)
        suspension_db.end_stretches(conn, [customer_id], now=now)
        extend_running(conn, customer_id, now, standing=[PACKAGE_CHANGED, FAIR_USE])
        db.log_customer_event(
            conn, customer_id, at=now, actor=actor, what="activated", note=note
        )

    in_transaction(conn, work)
