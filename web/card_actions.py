"""What is done to recharge cards: made, printed once, activated, voided."""

from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import DecimalField, IntegerField
from wtforms.validators import InputRequired

from billing_core.db import web_cards as db
from billing_core.db.operators import list_operators
from billing_core.db.packages import list_packages
from billing_core.errors import BillingError
from billing_core.kinds import BY_PACKAGE
from billing_core.money import ZERO
from billing_core.permissions import Permission
from billing_core.services.cards import batches as service
from billing_core.services.cards.handing_out import SHEET_CARDS_MAX, hand_out
from web.access import Page, current_operator, operator_pages
from web.acting import Act, act
from web.cards import my_batch, my_distributors
from web.desk import desk
from web.filters import money, number
from web.forms import (
    AmountField,
    DataRequired,
    DateField,
    Length,
    NumberRange,
    OperatorForm,
    Optional,
    PositiveAmount,
    SelectField,
    StringField,
    choices_of,
    day_starts,
    refuse,
)

pages = operator_pages("card_actions", "/cards", needs=Permission.MANAGE_CARDS)

_MOST = 2**62
_SELLERS = ("distributor", "operator", "sub_operator")


class BatchForm(OperatorForm):
    """Cards to be made."""

    quantity = IntegerField(
        _l("How many"), [InputRequired(), NumberRange(1, service.QUANTITY_MAX)]
    )
    value = AmountField(
        _l("Worth"),
        [Optional(), PositiveAmount()],
        description=_l("Put into the wallet; or else a package."),
    )
    package = SelectField(_l("Or the hotspot package"), default="")
    distributor = StringField(
        _l("Distributor"),
        [DataRequired(), Length(max=100)],
        description=_l("His username here, if he is to see them; or any name."),
    )
    commission = AmountField(_l("He keeps of each"), [Optional()])
    commission_percent = DecimalField(
        _l("Or this percentage"), [Optional(), NumberRange(0, 100)], places=None
    )
    expires_on = DateField(
        _l("Taken until"), [Optional()], description=_l("Empty: for ever.")
    )


class RangeForm(OperatorForm):
    """Cards by their serials, both included."""

    first = IntegerField(_l("First serial"), [InputRequired(), NumberRange(1, _MOST)])
    last = IntegerField(_l("Last serial"), [InputRequired(), NumberRange(1, _MOST)])


class ActivateForm(RangeForm):
    """Cards that their distributor has got."""

    note = StringField(
        _l("Note"), [Length(max=500)], description=_l("Who paid, which invoice.")
    )


class VoidForm(RangeForm):
    """Cards that nobody may use."""

    reason = StringField(_l("Why"), [DataRequired(), Length(max=500)])


class PrintForm(OperatorForm):
    """In which form."""

    form = SelectField(
        _l("As"),
        choices=choices_of(
            [("csv", _l("CSV for a print shop")), ("pdf", _l("ZIP: sheets (PDF), CSV"))]
        ),
    )


@pages.route("/new", methods=["GET", "POST"])
def make() -> Page:
    """Make cards; they have no PINs before they are printed."""
    at, form = desk(), BatchForm()
    mine = my_distributors()
    form.package.choices = choices_of(
        (
            (p.name, f"{p.name} · {money(p.gross_price)}")
            for p in list_packages(at.conn)
            if p.billing == BY_PACKAGE and not p.is_withdrawn
        ),
        any_label=_("none"),
    )
    if request.method == "POST" and form.validate():
        distributor = form.distributor.data
        try:
            if mine is not None and distributor not in mine:
                form.distributor.errors = [_("Choose one who works for you.")]
            else:
                batch = service.make_batch(
                    at.conn, _order(form), actor=at.actor, now=at.now
                )
                flash(_("The cards are made. They get their PINs when printed."))
                there = url_for("cards.show", batch_id=batch.batch_id)
                return redirect(there, 303)
        except BillingError as error:
            refuse(form, error)
    sellers = [
        one
        for one in list_operators(at.conn, current_operator().scope)
        if one.role in _SELLERS and not one.is_disabled
    ]
    page = render_template("cards/new.html", form=form, sellers=sellers)
    return (page, 422) if form.errors else page


@pages.route("/batches/<int:batch_id>/print", methods=["GET", "POST"])
def print_(batch_id: int) -> Page:
    """Draw the PINs and hand the one file with them out."""
    at, batch, form = desk(), my_batch(batch_id), PrintForm()
    keys = at.settings.card_keys
    if request.method == "POST" and form.validate():
        if keys is None:
            form.form_errors.append(_("There is no key for cards: KHATA_CARD_KEY."))
        else:
            try:
                file = hand_out(
                    at.conn,
                    keys,
                    batch_id,
                    form.form.data,
                    title=at.settings.reminders.provider,
                    currency=at.settings.currency,
                    zone=at.settings.zone,
                    actor=at.actor,
                    now=at.now,
                )
            except BillingError as error:
                refuse(form, error)
            else:
                named = {"Content-Disposition": f'attachment; filename="{file.name}"'}
                return Response(file.content, mimetype=file.mimetype, headers=named)
    cards = batch.serial_last - batch.serial_first + 1
    page = render_template(
        "cards/print.html",
        form=form,
        batch=batch,
        cards=cards,
        sheets_up_to=SHEET_CARDS_MAX,
    )
    return (page, 422) if form.errors else page


@pages.route("/activate", methods=["GET", "POST"])
def activate() -> Page:
    """Let printed cards be used: their distributor has got them."""
    at = desk()
    form = ActivateForm(first=_asked("first"), last=_asked("last"))

    def do() -> str:
        _check_range(form)
        count = service.activate(
            at.conn,
            form.first.data,
            form.last.data,
            actor=at.actor,
            note=form.note.data or "",
            now=at.now,
        )
        flash(_("%(count)s card(s) became active.", count=number(count)))
        return _there(form)

    asked = _asks(
        _("Activate cards"),
        _("Activate them"),
        [
            _(
                "From now on they can be used: whoever has the PINs has the money. Do"
                " it when the distributor has got and paid for them."
            )
        ],
    )
    return act(form, do, asked)


@pages.route("/void", methods=["GET", "POST"])
def void() -> Page:
    """Let unused cards never be used: lost, stolen, printed wrongly."""
    at = desk()
    form = VoidForm(first=_asked("first"), last=_asked("last"))

    def do() -> str:
        _check_range(form)
        count = service.void(
            at.conn,
            form.first.data,
            form.last.data,
            reason=form.reason.data,
            actor=at.actor,
            now=at.now,
        )
        flash(_("%(count)s card(s) are void now.", count=number(count)))
        return _there(form)

    asked = _asks(
        _("Void cards"),
        _("Void them"),
        [_("It is for good. Cards that were used stay used.")],
        hurts=True,
    )
    return act(form, do, asked)


def _order(form: BatchForm) -> service.BatchOrder:
    return service.BatchOrder(
        quantity=form.quantity.data,
        face_value=form.value.amount,
        package=form.package.data or None,
        distributor=form.distributor.data,
        commission=form.commission.amount or ZERO,
        commission_percent=form.commission_percent.data or ZERO,
        expires_at=day_starts(form.expires_on.data, after_days=1),
    )


def _check_range(form: RangeForm) -> None:
    """Refuse cards of other distributors, as if they did not exist."""
    first, last = form.first.data, form.last.data
    mine = my_distributors()
    if first <= last and not db.is_range_of(desk().conn, first, last, mine):
        abort(404)


def _asked(name: str) -> int | None:
    text = request.args.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 19 else None


def _there(form: RangeForm) -> str:
    at = desk()
    wanted = db.CardFilter(serial=form.first.data)
    (card,) = db.list_cards(
        at.conn, wanted, my_distributors(), now=at.now, after=None, limit=1
    )
    return url_for("cards.show", batch_id=card.batch_id)


def _asks(title: str, button: str, told: list[str], *, hurts: bool = False) -> Act:
    back = url_for("cards.index")
    crumbs = [(_("Recharge cards"), back)]
    return Act(title, button, back, crumbs=crumbs, told=told, hurts=hurts)
