"""Recharge cards: batches, single cards, and who tries PINs. No page shows a PIN."""

from flask import abort, render_template
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import IntegerField

from billing_core.cards import ALARM_WITHIN, is_alarming
from billing_core.db import cards as cards_db
from billing_core.db import web_cards as db
from billing_core.db.card_tries import count_tries
from billing_core.db.cards import Batch
from billing_core.db.customers import UnknownCustomerError, find_customer_id
from billing_core.db.operators import list_operators
from billing_core.db.web_customers import is_customer_of
from billing_core.permissions import Permission
from web import lists
from web.access import Page, current_operator, operator_pages
from web.desk import desk
from web.forms import (
    BooleanField,
    FilterForm,
    Length,
    NumberRange,
    Optional,
    SelectField,
    StringField,
    choices_of,
    refuse,
)
from web.words import say

pages = operator_pages("cards", "/cards", needs=Permission.MANAGE_CARDS)

#: What became of a try, for those who may know it.
OUTCOMES = {
    "credited": _l("credited"),
    "repeated": _l("used before by himself"),
    "mistyped": _l("mistyped"),
    "unknown": _l("no such PIN"),
    "used": _l("used before"),
    "void": _l("void"),
    "expired": _l("expired"),
    "inactive": _l("not activated"),
    "locked": _l("locked out"),
}
STATES = ("generated", "active", "used", "expired", "void")
_EVENTS_SHOWN = 50
_MOST = 2**62


class BatchFilterForm(FilterForm):
    """Which batches."""

    distributor = StringField(_l("Distributor"), [Optional(), Length(max=100)])


class CardFilterForm(FilterForm):
    """Which cards."""

    serial = IntegerField(_l("Serial"), [Optional(), NumberRange(1, _MOST)])
    batch = IntegerField(_l("Batch"), [Optional(), NumberRange(1, _MOST)])
    distributor = StringField(_l("Distributor"), [Optional(), Length(max=100)])
    state = SelectField(_l("State"), [Optional()], default="")


class TryFilterForm(FilterForm):
    """Which tries of PINs."""

    customer = StringField(_l("By customer"), [Optional(), Length(max=253)])
    outcome = SelectField(_l("What became of it"), [Optional()], default="")
    bad = BooleanField(_l("Only wrong ones"))


@pages.get("")
def index() -> Page:
    """List batches, newest first."""
    at = desk()
    form = BatchFilterForm.from_address()
    assert isinstance(form, BatchFilterForm)  # noqa: S101 - narrows the type
    if not form.validate():
        return render_template("cards/list.html", form=form, slice=None), 400
    size = lists.page_size()
    rows = db.list_batches(
        at.conn,
        my_distributors(),
        distributor=form.distributor.data or None,
        after=lists.after_id(),
        now=at.now,
        limit=size + 1,
    )
    last = str(rows[size - 1].batch_id) if len(rows) > size else None
    bad, good = count_tries(at.conn, since=at.now - ALARM_WITHIN)
    return render_template(
        "cards/list.html",
        form=form,
        slice=lists.cut(rows, last, size),
        bad=bad,
        good=good,
        is_alarming=is_alarming(bad=bad, good=good),
        has_keys=at.settings.card_keys is not None,
    )


@pages.get("/batches/<int:batch_id>")
def show(batch_id: int) -> str:
    """Show a batch: what its cards are, and what was done to them."""
    at, batch = desk(), my_batch(batch_id)
    return render_template(
        "cards/show.html",
        batch=batch,
        reseller=cards_db.find_reseller(at.conn, batch.distributor),
        states=STATES,
        events=db.list_range_events(
            at.conn, batch.serial_first, batch.serial_last, limit=_EVENTS_SHOWN
        ),
    )


@pages.get("/all")
def cards() -> Page:
    """List single cards, newest first."""
    at = desk()
    form = CardFilterForm.from_address()
    assert isinstance(form, CardFilterForm)  # noqa: S101 - narrows the type
    form.state.choices = choices_of([(s, say(s)) for s in STATES], any_label=_("any"))
    if not form.validate():
        return render_template("cards/cards.html", form=form, slice=None), 400
    size = lists.page_size()
    wanted = db.CardFilter(
        serial=form.serial.data,
        batch_id=form.batch.data,
        distributor=form.distributor.data or None,
        state=form.state.data or None,
    )
    rows = db.list_cards(
        at.conn,
        wanted,
        my_distributors(),
        now=at.now,
        after=lists.after_id(),
        limit=size + 1,
    )
    last = str(rows[size - 1].serial) if len(rows) > size else None
    return render_template(
        "cards/cards.html", form=form, slice=lists.cut(rows, last, size)
    )


@pages.get("/all/<int:serial>")
def card(serial: int) -> str:
    """Show one card, and what was done to it."""
    at = desk()
    found = db.list_cards(
        at.conn,
        db.CardFilter(serial=serial),
        my_distributors(),
        now=at.now,
        after=None,
        limit=1,
    )
    if not found:
        abort(404)
    return render_template(
        "cards/card.html",
        card=found[0],
        events=cards_db.list_events(at.conn, serial),
    )


@pages.get("/tries")
def tries() -> Page:
    """List who tried PINs, and who is locked out for it."""
    at, scope = desk(), current_operator().scope
    form = TryFilterForm.from_address()
    assert isinstance(form, TryFilterForm)  # noqa: S101 - narrows the type
    form.outcome.choices = choices_of(OUTCOMES.items(), any_label=_("any"))
    wanted = _wanted_tries(form) if form.validate() else None
    if wanted is None:
        page = render_template("cards/tries.html", form=form, slice=None, locked=[])
        return page, 400
    size = lists.page_size()
    rows = db.list_tries(
        at.conn, wanted, scope, after=lists.after_time_and_id(), limit=size + 1
    )
    last = rows[size - 1] if len(rows) > size else None
    key = lists.time_and_id(last.at, last.try_id) if last else None
    return render_template(
        "cards/tries.html",
        form=form,
        slice=lists.cut(rows, key, size),
        outcomes=OUTCOMES,
        # Addresses and customers of everybody: for who sees everybody.
        locked=db.list_locked(at.conn, now=at.now) if scope is None else [],
    )


def my_distributors() -> list[str] | None:
    """Return whose cards the operator sees; None = everybody's."""
    scope = current_operator().scope
    if scope is None:
        return None
    return [one.username for one in list_operators(desk().conn, scope)]


def my_batch(batch_id: int) -> Batch:
    """Return a batch of the operator's distributors; another's is not found."""
    at = desk()
    found = db.find_batch(at.conn, batch_id, my_distributors(), now=at.now)
    if found is None:
        abort(404)
    return found


def _wanted_tries(form: TryFilterForm) -> db.TryFilter | None:
    customer_id = None
    if form.customer.data:
        try:
            customer_id = _my_customer_named(form.customer.data)
        except UnknownCustomerError as error:
            refuse(form, error, "customer")
            return None
    return db.TryFilter(
        outcome=form.outcome.data or None,
        bad_only=bool(form.bad.data),
        customer_id=customer_id,
    )


def _my_customer_named(username: str) -> int:
    """Return a customer of the operator's; that there is another he is not told."""
    conn, scope = desk().conn, current_operator().scope
    customer_id = find_customer_id(conn, username)
    if not is_customer_of(conn, customer_id, scope):
        raise UnknownCustomerError(username)
    return customer_id
