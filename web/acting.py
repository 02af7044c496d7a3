"""Do something after asking: a form on a page of its own, with what follows from it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask import redirect, render_template, request
from wtforms import SelectMultipleField
from wtforms.widgets import CheckboxInput, ListWidget

from billing_core.errors import BillingError
from web.access import Page
from web.forms import OperatorForm, refuse


class FieldError(BillingError):
    """A rule that one field breaks."""

    def __init__(self, field: str, why: str) -> None:
        self.field = field
        super().__init__(why)


class ChecksField(SelectMultipleField):
    """What may be chosen, each with its box."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


@dataclass(frozen=True, slots=True)
class Act:
    """What a page asks before it does something."""

    title: str
    button: str
    #: Where one goes when it is done, or not done at all.
    back: str
    #: Names and addresses of the pages above this one.
    crumbs: Sequence[tuple[str, str]] = ()
    #: To whom or what it is done: a name, and what is worth a look before.
    subject: str = ""
    about: Sequence[str] = ()
    #: What follows from it, a paragraph each.
    told: Sequence[str] = ()
    hurts: bool = False
    #: Many fields: beside one another.
    wide: bool = False


def act(
    form: OperatorForm,
    do: Callable[[], str | None],
    asked: Act,
    *,
    field: str | None = None,
) -> Page:
    """Ask, then do it once the form is right; what is refused stands in the form.

    `do` may return an address to go to instead of back. `field` is where a refusal
    stands that names no field itself.
    """
    if request.method == "POST" and form.validate():
        try:
            target = do()
        except BillingError as error:
            refuse(form, error, getattr(error, "field", field))
        else:
            return redirect(target or asked.back, 303)
    page = render_template("act.html", form=form, asked=asked)
    return (page, 422) if form.errors else page
