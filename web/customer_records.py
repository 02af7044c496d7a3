"""One customer's records from the first to the last: wallet, sessions, log; exports."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

from flask import render_template, url_for
from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from billing_core.db import web_records as db
from billing_core.permissions import Permission
from web import exports, lists
from web.access import Page, my_customer, operator_pages
from web.desk import desk

pages = operator_pages(
    "customer_records",
    "/customers/<int:customer_id>",
    needs=Permission.VIEW_CUSTOMERS,
)


@dataclass(frozen=True, slots=True)
class Record:
    """A kind of record: how it is read, and what stands in its export."""

    title: LazyString
    list_rows: Callable[..., Sequence[Any]]
    stream_rows: Callable[..., Generator[object, None, None]]
    key: Callable[[Any], int]
    columns: Sequence[exports.Column]


RECORDS = {
    "wallet": Record(
        _l("Wallet"),
        db.list_wallet,
        db.stream_wallet,
        lambda r: r.entry_id,
        (
            exports.Column("entry", lambda r: r.entry_id),
            exports.Column("at", lambda r: r.occurred_at),
            exports.Column("kind", lambda r: r.kind),
            exports.Column("amount", lambda r: r.wallet_change),
            exports.Column("balance", lambda r: r.balance),
            exports.Column("reversed", lambda r: "yes" if r.is_reversed else "no"),
            exports.Column("by", lambda r: r.actor),
            exports.Column("note", lambda r: r.note),
        ),
    ),
    "sessions": Record(
        _l("Sessions"),
        db.list_sessions_of,
        db.stream_sessions_of,
        lambda r: r.session_id,
        (
            exports.Column("session", lambda r: r.session_id),
            exports.Column("began", lambda r: r.started_at),
            exports.Column("ended", lambda r: r.ended_at),
            exports.Column("state", lambda r: r.state),
            exports.Column("cause", lambda r: r.terminate_cause),
            exports.Column("seconds", lambda r: r.session_seconds),
            exports.Column("down octets", lambda r: r.output_octets),
            exports.Column("up octets", lambda r: r.input_octets),
            exports.Column("address", lambda r: r.framed_ip or r.framed_ipv6),
            exports.Column("device", lambda r: r.calling_station_id),
            exports.Column("nas", lambda r: r.nas),
            exports.Column("package", lambda r: r.package),
            exports.Column("charged", lambda r: r.charged),
        ),
    ),
    "log": Record(
        _l("What happened, and why"),
        db.list_events_of,
        db.stream_events_of,
        lambda r: r.event_id,
        (
            exports.Column("at", lambda r: r.at),
            exports.Column("what", lambda r: r.what),
            exports.Column("reason", lambda r: r.reason),
            exports.Column("note", lambda r: r.note),
            exports.Column("by", lambda r: r.actor),
        ),
    ),
}


@pages.get("/<any(wallet, sessions, log):what>")
def index(customer_id: int, what: str) -> str:
    """List records of a customer, newest first."""
    at, customer, record = desk(), my_customer(customer_id), RECORDS[what]
    size = lists.page_size()
    rows = record.list_rows(
        at.conn, customer_id, after=lists.after_id(), limit=size + 1
    )
    last = str(record.key(rows[size - 1])) if len(rows) > size else None
    return render_template(
        "customers/records.html",
        customer=customer,
        what=what,
        title=record.title,
        slice=lists.cut(rows, last, size),
        back=url_for("customers.show", customer_id=customer_id),
    )


@pages.get("/<any(wallet, sessions, log):what>/export.<any(csv, xlsx):suffix>")
def export(customer_id: int, what: str, suffix: str) -> Page:
    """Hand out all records of a customer."""
    at, customer, record = desk(), my_customer(customer_id), RECORDS[what]
    name = f"{what}-{customer_id}-{at.now.astimezone(at.settings.zone):%Y-%m-%d}"
    rows = record.stream_rows(at.conn, customer.customer_id)
    return exports.hand_out(suffix, name, record.columns, rows)
