"""Whose customers there are: operators and sub-operators, as filters offer them."""

from flask_babel import gettext as _
from wtforms.fields.choices import SelectChoice

from billing_core.db.operators import Operator, list_operators
from billing_core.db.web_lists import OWN
from billing_core.permissions import SELLERS
from web.access import current_operator
from web.desk import connection
from web.forms import choices_of


def list_sellers() -> list[Operator]:
    """Return those whose customers the operator sees, but for the provider."""
    return [
        one
        for one in list_operators(connection(), current_operator().scope)
        if one.role in SELLERS
    ]


def sellers() -> dict[int, str]:
    """Return the names of those whose customers the operator sees, by their ids.

    First the provider, who has customers of his own.
    """
    own = {OWN: _("the provider's own")} if current_operator().scope is None else {}
    return own | {one.operator_id: one.name or one.username for one in list_sellers()}


def seller_choices(any_label: str) -> list[SelectChoice]:
    """Return the choices of a filter by operator; the first is whichever."""
    return choices_of(sellers().items(), any_label=any_label)
