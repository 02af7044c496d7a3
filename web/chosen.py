"""What an address or a form names: bills whose boxes were ticked, one customer."""

import re

from flask import abort, request
from flask_babel import gettext as _

from billing_core.db.corrections import BillStanding
from billing_core.db.customers import Customer
from billing_core.errors import BillingError
from web.access import my_bill, my_customer

#: As many as a page shows at most.
_AT_ONCE_MAX = 200
_KEY = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")


def chosen_bills() -> list[BillStanding]:
    """Return the bills that were chosen; every one must be the operator's."""
    keys = dict.fromkeys(request.values.getlist("bill"))
    if not keys or len(keys) > _AT_ONCE_MAX:
        raise BillingError(_("Choose bills first: tick their boxes."))
    found = [_KEY.fullmatch(key) for key in keys]
    return [my_bill(int(m[1]), int(m[2])) if m else abort(400) for m in found]


def chosen_customer() -> Customer | None:
    """Return whose list the address asks for; None = everybody's."""
    asked = request.args.get("customer")
    if not asked:
        return None
    if not asked.isascii() or not asked.isdecimal() or len(asked) > 18:
        abort(400)
    return my_customer(int(asked))
