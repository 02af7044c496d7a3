"""Forms of billing profiles and VAT profiles."""

from decimal import Decimal
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import DecimalField, IntegerField
from wtforms.validators import ValidationError

from billing_core.db.connect import Connection
from billing_core.db.packages import list_packages
from billing_core.db.profiles import (
    NewProfile,
    Profile,
    ProfileInUse,
    list_vat_profiles,
)
from billing_core.money import ZERO
from billing_core.services.profiles import SCHEDULE
from web.filters import money
from web.forms import (
    AmountField,
    BooleanField,
    DataRequired,
    DateField,
    HiddenField,
    Length,
    NumberRange,
    OperatorForm,
    Optional,
    SelectField,
    StringField,
    choices_of,
)

_DAYS = [NumberRange(0, 366)]


class ProfileForm(OperatorForm):
    """How customers are billed."""

    name = StringField(_l("Name"), [DataRequired(), Length(max=60)])
    billing_type = SelectField(_l("For packages that are paid"), default="monthly")
    bill_trigger = SelectField(_l("A cycle begins"), default="renewal")
    bill_day = IntegerField(
        _l("Day of the month"),
        [Optional(), NumberRange(1, 31)],
        description=_l("A month that is shorter has it on its last day."),
    )
    in_advance = SelectField(_l("A cycle is billed"), default="True")
    cycle_ends_with_month = BooleanField(
        _l("Cycles are calendar months"),
        description=_l("A day of the month then only delays the bill."),
    )
    proration = SelectField(_l("Part of a cycle costs"), default="by_minute")
    due_days = IntegerField(
        _l("Due after days"), _DAYS, default=7, description=_l("0: on the same day.")
    )
    grace_days = IntegerField(_l("Suspended after more days"), _DAYS, default=0)
    due_threshold = AmountField(
        _l("Suspended when more is due than"),
        [Optional()],
        default="0",
        description=_l("0: however much is due."),
    )
    auto_bill = BooleanField(
        _l("Bill by itself"), default=True, description=_l("Else only by hand.")
    )
    auto_suspend = BooleanField(_l("Suspend by itself"), default=True)
    auto_activate = BooleanField(
        _l("Restore by itself"),
        default=True,
        description=_l("As soon as what is overdue is paid."),
    )
    bill_while_suspended = BooleanField(_l("Bill suspended time, too"))
    suspended_state = SelectField(_l("A suspended customer's login"), default="reject")
    suspended_pool = StringField(_l("Address pool"), [Length(max=60)])
    suspended_address_list = StringField(_l("Address list"), [Length(max=60)])
    vat_profile_id = SelectField(_l("VAT"), default="")
    daily_charge = SelectField(_l("Days are charged"), default="every_day")
    minimum_validity_days = IntegerField(
        _l("Days to come back with"),
        [NumberRange(1, 366)],
        default=1,
        description=_l("So many days a suspended customer must be able to pay."),
    )
    sample_package = SelectField(_l("on the package"), default="")
    joins_on = DateField(_l("joining on"), [Optional()])
    profile_id = HiddenField()

    def validate_bill_trigger(self, field: SelectField) -> None:
        """Refuse a day of the month that is not said."""
        if field.data == "day" and self.bill_day.data is None:
            raise ValidationError(_l("Say on which day of the month."))

    def validate_suspended_state(self, field: SelectField) -> None:
        """Refuse a pool or list that is not named."""
        if field.data == "pool" and not self.suspended_pool.data:
            raise ValidationError(_l("Name the address pool."))
        if field.data == "address_list" and not self.suspended_address_list.data:
            raise ValidationError(_l("Name the address list."))


class ReplaceForm(OperatorForm):
    """To which profile."""

    to = SelectField(_l("Move them to"), [DataRequired()])
    after = HiddenField()


class VatRateForm(OperatorForm):
    """A rate from a day on."""

    percent = DecimalField(
        _l("Rate in percent"), [NumberRange(Decimal(0), Decimal(100))], places=2
    )
    effective_from = DateField(_l("From"), [DataRequired()])


class VatForm(VatRateForm):
    """A VAT profile with its first rate."""

    name = StringField(_l("Name"), [DataRequired(), Length(max=60)])
    registration_number = StringField(
        _l("Registration number"),
        [Length(max=60)],
        description=_l("BIN; printed on bills."),
    )
    inclusive = SelectField(_l("Prices"), default="yes")

    def __init__(self) -> None:
        super().__init__()
        self.inclusive.choices = choices_of(
            [("yes", _("have the VAT in them")), ("no", _("come with VAT on top"))]
        )


def shape(
    form: ProfileForm, conn: Connection, profile: ProfileInUse | None = None
) -> ProfileForm:
    """Give a form its choices; a profile in use keeps its schedule."""
    form.billing_type.choices = choices_of(
        [
            ("monthly", _("monthly, by bills")),
            ("daily", _("daily, from the wallet")),
            ("free", _("not at all")),
        ]
    )
    form.bill_trigger.choices = choices_of(
        [
            ("renewal", _("on the customer's own day")),
            ("first", _("on the 1st")),
            ("day", _("on a day of the month")),
            ("manual", _("on his own day, billed only by hand")),
        ]
    )
    form.in_advance.choices = choices_of(
        [("True", _("at its start")), ("False", _("at its end"))]
    )
    form.proration.choices = choices_of(
        [("by_minute", _("its minutes' share")), ("none", _("the whole price"))]
    )
    form.suspended_state.choices = choices_of(
        [
            ("reject", _("is refused")),
            ("pool", _("gets an address of a pool")),
            ("address_list", _("gets on an address list")),
        ]
    )
    form.daily_charge.choices = choices_of(
        [("every_day", _("all")), ("days_used", _("only when he logged in"))]
    )
    form.vat_profile_id.choices = choices_of(
        [(vat.vat_profile_id, vat.name) for vat in list_vat_profiles(conn)],
        any_label=_("as the package says"),
    )
    form.sample_package.choices = choices_of(
        [
            (p.name, f"{p.name} · {money(p.price)}")
            for p in list_packages(conn)
            if p.billing in ("monthly", "daily")
        ],
        any_label=_("one for 1,000"),
    )
    if form.vat_profile_id.data is None:
        form.vat_profile_id.data = ""
    if profile is not None:
        form.profile_id.data = str(profile.profile_id)
        if profile.customers:
            for name in SCHEDULE:
                del form[name]
    return form


def profile_of(form: ProfileForm, stored: Profile | None = None) -> NewProfile:
    """Read a profile from its form; what the form does not ask stays as stored."""
    vat = form.vat_profile_id.data
    return NewProfile(
        name=form.name.data,
        due_days=form.due_days.data,
        grace_days=form.grace_days.data,
        due_threshold=form.due_threshold.amount or ZERO,
        auto_bill=form.auto_bill.data,
        auto_suspend=form.auto_suspend.data,
        auto_activate=form.auto_activate.data,
        bill_while_suspended=form.bill_while_suspended.data,
        suspended_state=form.suspended_state.data,
        suspended_pool=form.suspended_pool.data or None,
        suspended_address_list=form.suspended_address_list.data or None,
        proration=form.proration.data,
        vat_profile_id=int(vat) if vat else None,
        minimum_validity_days=form.minimum_validity_days.data,
        daily_charge=form.daily_charge.data,
        **_schedule_of(form, stored),
    )


def _schedule_of(form: ProfileForm, stored: Profile | None) -> dict[str, Any]:
    if "billing_type" not in form:
        return {name: getattr(stored, name) for name in SCHEDULE}
    is_monthly = form.billing_type.data == "monthly"
    trigger = form.bill_trigger.data if is_monthly else "renewal"
    return {
        "billing_type": form.billing_type.data,
        "bill_trigger": trigger,
        "bill_day": form.bill_day.data if trigger == "day" else None,
        "in_advance": form.in_advance.data == "True",
        "cycle_ends_with_month": is_monthly and form.cycle_ends_with_month.data,
    }
