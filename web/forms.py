"""Forms: fields that read what people type, and errors that stand at their field."""

import uuid
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from flask import request
from flask_babel import Domain
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import (
    BooleanField,
    Form,
    HiddenField,
    PasswordField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms import DateField as AnyDateField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import (
    DataRequired,
    Length,
    NumberRange,
    Optional,
    ValidationError,
)

from billing_core.errors import BillingError
from billing_core.mac_addresses import parse_mac
from billing_core.money import AmountError, parse_amount
from web.desk import settings
from web.language import FOLDER
from web.refusals import told

__all__ = [
    "LANGUAGE_CHOICES",
    "AmountField",
    "BooleanField",
    "DataRequired",
    "DateField",
    "FilterForm",
    "HiddenField",
    "KeyedForm",
    "Length",
    "MacField",
    "NumberRange",
    "OperatorForm",
    "Optional",
    "PasswordField",
    "PositiveAmount",
    "SelectField",
    "StringField",
    "TextAreaField",
    "choices_of",
    "day_starts",
    "refuse",
]


_FORMS = Domain([str(FOLDER)], "forms")
# At the ends of the calendar a day of another zone than UTC cannot be told.
_YEARS = range(1970, 2200)


class Spoken:
    """What WTForms says, in the language of who reads it; it knows no Bangla itself."""

    def gettext(self, text: str) -> str:
        """Say it."""
        return str(_FORMS.gettext(text))

    def ngettext(self, one: str, many: str, number: int) -> str:
        """Say it of so many."""
        return str(_FORMS.get_translations().ungettext(one, many, number))


class AmountField(StringField):
    """An amount of money as people type it: 1,500.00, ১৫০০."""

    amount: Decimal | None = None

    def pre_validate(self, form: Any) -> None:
        """Read the amount, or say how it is written."""
        self.amount = None
        if not (self.data or "").strip():
            return
        try:
            self.amount = parse_amount(self.data or "")
        except AmountError as error:
            raise ValidationError(told(error)) from None


class DateField(AnyDateField):
    """A day that can be one of ours."""

    def pre_validate(self, form: Any) -> None:
        """Refuse a year in which nobody was billed or will be."""
        if self.data is not None and self.data.year not in _YEARS:
            raise ValidationError(_l("That year is too far away."))


class PositiveAmount:
    """More than nothing."""

    def __call__(self, form: Any, field: AmountField) -> None:
        """Refuse zero and less."""
        if field.amount is not None and field.amount <= 0:
            raise ValidationError(_l("It must be more than 0."))


class MacField(StringField):
    """A MAC address in any usual spelling."""

    mac: str | None = None

    def pre_validate(self, form: Any) -> None:
        """Read the address, or say how it is written."""
        self.mac = None
        if not (self.data or "").strip():
            return
        self.mac = parse_mac(self.data or "")
        if not self.mac:
            raise ValidationError(_l("Write a MAC address like AA:BB:CC:DD:EE:FF."))


class OperatorForm(FlaskForm):
    """A form that changes something; CSRF is checked before it is read."""

    class Meta(FlaskForm.Meta):
        """Trim what is typed, but never a password."""

        def bind_field(self, form: Any, unbound: Any, options: Any) -> Any:
            """Give each field of text its trimming."""
            filters = unbound.kwargs.get("filters", [])
            if unbound.field_class in (StringField, TextAreaField):
                filters = [*filters, _trim]
            return unbound.bind(form=form, filters=filters, **options)

        def get_translations(self, form: Any) -> Spoken:
            """Say errors in the language of who reads them."""
            return Spoken()


class KeyedForm(OperatorForm):
    """A form that moves money: sent twice, it does it once."""

    key = HiddenField(default=lambda: uuid.uuid4().hex, validators=[Length(8, 64)])


LANGUAGE_CHOICES = (SelectChoice("en", "English"), SelectChoice("bn", "বাংলা"))


class FilterForm(Form):
    """A filter in the address; it changes nothing and needs no CSRF."""

    class Meta(Form.Meta):
        """As of the forms that change something."""

        def get_translations(self, form: Any) -> Spoken:
            """Say errors in the language of who reads them."""
            return Spoken()

    @classmethod
    def from_address(cls) -> "FilterForm":
        """Read the filter that the address holds."""
        given = [(k, v) for k, v in request.args.items(multi=True) if v.strip()]
        return cls(MultiDict(given))


def refuse(form: Form, error: BillingError, field: str | None = None) -> None:
    """Say at a field (or above the form) why the services refused it."""
    if field is not None and field in form:
        form[field].errors = [*form[field].errors, told(error)]
    else:
        form.form_errors.append(told(error))


def choices_of(
    pairs: Iterable[tuple[Any, Any]], *, any_label: Any = None
) -> list[SelectChoice]:
    """Return the choices of a select; with `any_label` the first is whichever."""
    found = [SelectChoice(str(value), label) for value, label in pairs]
    return found if any_label is None else [SelectChoice("", any_label), *found]


def day_starts(day: date | None, *, after_days: int = 0) -> datetime | None:
    """Return when a day of the ISP's zone begins (or the one so many days after)."""
    if day is None:
        return None
    begun = datetime.combine(
        day + timedelta(days=after_days), time.min, settings().zone
    )
    return begun.astimezone(UTC)


def _trim(value: str | None) -> str | None:
    return value.strip() if value else value
