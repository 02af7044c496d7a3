"""The form of a package: the fields that its kind of billing has, what they mean."""

from decimal import Decimal
from typing import Any

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from wtforms import DecimalField, IntegerField
from wtforms.validators import InputRequired, ValidationError

from billing_core.db.packages import NewPackage
from billing_core.measures import (
    MeasureError,
    parse_duration,
    parse_octets,
    parse_rate,
    write_duration,
    write_octets,
    write_rate,
)
from web.forms import (
    AmountField,
    BooleanField,
    DataRequired,
    Length,
    NumberRange,
    OperatorForm,
    Optional,
    SelectField,
    StringField,
    choices_of,
)
from web.refusals import told

#: Each kind of billing, and what it means.
BILLINGS: dict[str, LazyString] = {
    "monthly": _l("a bill a cycle, as the customer's billing profile says"),
    "daily": _l("prepaid: a day's share of the price from the wallet each day"),
    "package": _l("hotspot: time or data that is bought and used up"),
    "per_session": _l("hotspot: by the minute or the MB, while online"),
    "free": _l("no money"),
}
_HIGHEST = Decimal(10) ** 8


class MeasureField(StringField):
    """A measure as people type it; read by one of billing_core.measures."""

    measure: int | None = None
    parse = staticmethod(parse_duration)

    def pre_validate(self, form: Any) -> None:
        """Read it, or say how it is written."""
        self.measure = None
        if (self.data or "").strip():
            try:
                self.measure = self.parse(self.data or "")
            except MeasureError as error:
                raise ValidationError(told(error)) from None


class DurationField(MeasureField):
    """30d, 12h, 15m."""


class OctetsField(MeasureField):
    """500MB, 5GB."""

    parse = staticmethod(parse_octets)


class RateField(MeasureField):
    """10M, 512k."""

    parse = staticmethod(parse_rate)


def _price(label: LazyString) -> DecimalField:
    return DecimalField(
        label, [Optional(), NumberRange(0, _HIGHEST)], places=None, default=Decimal(0)
    )


class PackageForm(OperatorForm):
    """What is said of a package of any kind."""

    name = StringField(_l("Name"), [DataRequired(), Length(max=100)])
    price = AmountField(_l("Price"))
    validity = DurationField(_l("Validity"), description=_l("Like 30d, 12h, 15m."))
    validity_from = SelectField(
        _l("It runs from"),
        choices=choices_of(
            [("purchase", _l("the purchase")), ("first_use", _l("the first use"))]
        ),
    )
    quota_time = DurationField(
        _l("Online time in it"), description=_l("Like 10h; empty: no limit.")
    )
    quota_data = OctetsField(
        _l("Data in it"), description=_l("Like 5GB; empty: no limit.")
    )
    price_per_minute = _price(_l("Price of a minute"))
    price_per_mb = _price(_l("Price of a MB"))
    setup_fee = AmountField(_l("Set-up fee of a session"), default="0")
    minimum_charge = AmountField(_l("Least charge of a session"), default="0")
    increment = DurationField(_l("Time counts in steps of"), default="1m")
    data_increment = OctetsField(_l("Data counts in steps of"), default="1MB")
    free_time = DurationField(_l("Free at first"), default="0s")
    vat_percent = DecimalField(
        _l("VAT, percent"),
        [Optional(), NumberRange(0, 100)],
        places=None,
        default=Decimal(0),
        description=_l("A billing profile's VAT comes before it."),
    )
    vat_inclusive = BooleanField(_l("VAT is in the prices"), default=True)
    rate_down = RateField(_l("Download"), description=_l("Like 10M; empty: no limit."))
    rate_up = RateField(_l("Upload"), description=_l("Like 5M; empty: no limit."))
    fair_use = OctetsField(
        _l("Data at this speed in a cycle"),
        description=_l("Like 300GB; empty: no end. Beyond it, slower:"),
    )
    fair_use_rate_down = RateField(_l("Download beyond it"))
    fair_use_rate_up = RateField(_l("Upload beyond it"))
    sessions_allowed = IntegerField(
        _l("Devices at once"), [InputRequired(), NumberRange(1, 1000)], default=1
    )
    pool = StringField(
        _l("Address pool"), [Length(max=100)], description=_l("On the NAS.")
    )
    interim = DurationField(
        _l("Reports every"), description=_l("At least 1m; empty: as the NAS says.")
    )
    idle = DurationField(_l("Ends when idle for"))


_FAIR_USE = ("fair_use", "fair_use_rate_down", "fair_use_rate_up")
#: What a form does not show of a kind of billing.
_NOT_OF: dict[str, tuple[str, ...]] = {
    "monthly": ("validity", "validity_from", "quota_time", "quota_data"),
    "daily": ("validity_from", "quota_time", "quota_data"),
    "package": _FAIR_USE,
    "per_session": (
        *("price", "validity", "validity_from", "quota_time", "quota_data"),
        *_FAIR_USE,
    ),
    "free": (
        *("price", "validity", "validity_from", "quota_time", "quota_data"),
        *("vat_percent", "vat_inclusive"),
    ),
}
_OF_SESSIONS = (
    *("price_per_minute", "price_per_mb", "setup_fee", "minimum_charge"),
    *("increment", "data_increment", "free_time"),
)


def form_for(billing: str, package: NewPackage | None = None) -> PackageForm:
    """Make the form of a kind of billing, filled with a package if there is one."""
    form = PackageForm(data=None if package is None else _as_form(package))
    hidden = _NOT_OF[billing]
    if billing != "per_session":
        hidden = (*hidden, *_OF_SESSIONS)
    for name in hidden:
        del form[name]
    return form


def package_of(form: PackageForm, billing: str, was: NewPackage | None) -> NewPackage:
    """Return the package that a validated form says; what it does not show stays."""

    def amount(name: str) -> Decimal:
        if name in form:
            return form[name].amount or Decimal(0)
        return getattr(was, name, Decimal(0))

    def number(name: str) -> Decimal:
        if name in form:
            return form[name].data or Decimal(0)
        return getattr(was, name, Decimal(0))

    def measure(name: str, column: str, default: int | None = None) -> int | None:
        if name in form:
            found: int | None = form[name].measure
            return default if found is None else found
        return getattr(was, column, default)

    from_ = form.validity_from.data if "validity_from" in form else None
    return NewPackage(
        name=form.name.data,
        billing=billing,
        price=amount("price"),
        validity_seconds=measure("validity", "validity_seconds"),
        validity_from=from_ or getattr(was, "validity_from", None),
        quota_seconds=measure("quota_time", "quota_seconds"),
        quota_octets=measure("quota_data", "quota_octets"),
        setup_fee=amount("setup_fee"),
        price_per_minute=number("price_per_minute"),
        price_per_mb=number("price_per_mb"),
        increment_seconds=measure("increment", "increment_seconds", 1) or 1,
        increment_octets=measure("data_increment", "increment_octets", 1) or 1,
        minimum_charge=amount("minimum_charge"),
        free_seconds=measure("free_time", "free_seconds", 0) or 0,
        vat_percent=number("vat_percent"),
        vat_inclusive=(
            bool(form.vat_inclusive.data)
            if "vat_inclusive" in form
            else getattr(was, "vat_inclusive", True)
        ),
        rate_up_bps=form.rate_up.measure,
        rate_down_bps=form.rate_down.measure,
        fair_use_octets=measure("fair_use", "fair_use_octets"),
        fair_use_rate_up_bps=measure("fair_use_rate_up", "fair_use_rate_up_bps"),
        fair_use_rate_down_bps=measure("fair_use_rate_down", "fair_use_rate_down_bps"),
        framed_pool=form.pool.data or None,
        sessions_allowed=form.sessions_allowed.data,
        interim_interval_seconds=form.interim.measure,
        idle_timeout_seconds=form.idle.measure,
    )


def _as_form(p: NewPackage) -> dict[str, object]:
    def written(value: int | None, write: Any) -> str:
        return "" if value is None else write(value)

    return {
        "name": p.name,
        "price": str(p.price),
        "validity": written(p.validity_seconds, write_duration),
        "validity_from": p.validity_from,
        "quota_time": written(p.quota_seconds, write_duration),
        "quota_data": written(p.quota_octets, write_octets),
        "price_per_minute": p.price_per_minute.normalize() + 0,
        "price_per_mb": p.price_per_mb.normalize() + 0,
        "setup_fee": str(p.setup_fee),
        "minimum_charge": str(p.minimum_charge),
        "increment": write_duration(p.increment_seconds),
        "data_increment": write_octets(p.increment_octets),
        "free_time": write_duration(p.free_seconds),
        "vat_percent": p.vat_percent,
        "vat_inclusive": p.vat_inclusive,
        "rate_down": written(p.rate_down_bps, write_rate),
        "rate_up": written(p.rate_up_bps, write_rate),
        "fair_use": written(p.fair_use_octets, write_octets),
        "fair_use_rate_down": written(p.fair_use_rate_down_bps, write_rate),
        "fair_use_rate_up": written(p.fair_use_rate_up_bps, write_rate),
        "sessions_allowed": p.sessions_allowed,
        "pool": p.framed_pool or "",
        "interim": written(p.interim_interval_seconds, write_duration),
        "idle": written(p.idle_timeout_seconds, write_duration),
    }
