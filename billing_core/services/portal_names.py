"""Find whom somebody means who types a username, or the number of his mobile."""

import re
from collections.abc import Sequence

from billing_core.db.connect import Connection
from billing_core.db.customers import UnknownCustomerError, find_customer_id
from billing_core.db.web_portal import find_by_mobile
from billing_core.errors import BillingError
from billing_core.taka import to_latin_digits

_MOBILE = re.compile(r"\+?[0-9](?:[ ().-]{0,2}[0-9]){9,14}")
#: So many connections of one number are told apart by their passwords.
NAMED_MAX = 5


class AmbiguousNumberError(BillingError):
    """Several customers have this mobile; not told is who."""

    def __init__(self) -> None:
        super().__init__("Several customers have this mobile: type the username.")


def find_named(conn: Connection, typed: str) -> Sequence[int]:
    """Return the customer with this username, or those with this mobile.

    A username that is somebody's number is his username first: a name is unique, and a
    number may be typed into anybody's contact.
    """
    try:
        return [find_customer_id(conn, typed)]
    except UnknownCustomerError:
        pass
    number = to_latin_digits(typed.strip())
    if not _MOBILE.fullmatch(number):
        return []
    return find_by_mobile(conn, number, limit=NAMED_MAX + 1)
