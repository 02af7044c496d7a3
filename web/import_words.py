"""What each column of a file of customers means."""

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

MEANINGS: dict[str, LazyString] = {
    "username": _l("what he logs in with; nobody else's"),
    "password": _l("for his connection and the portal; may be empty only for a device"),
    "package": _l("name of a package that is on sale"),
    "name": _l("his name"),
    "mobile": _l("his number, as the SMS gateway wants it"),
    "mail": _l("his mail address"),
    "language": _l("en or bn; empty: en"),
    "kind": _l("pppoe, hotspot, static or other; empty: what the package is for"),
    "profile": _l("name of his billing profile; monthly packages need one"),
    "operator": _l("username of the operator whose customer he is"),
    "zone": _l("where he lives, as you sort your work"),
    "address": _l("his address"),
    "comment": _l("whatever else is to be known"),
    "static_ip": _l("an address for him alone"),
    "mac": _l("the only device he may use"),
    "sessions": _l("devices at once, if not as his package says"),
    "credit_limit": _l("how much he may owe; empty: 0"),
    "special_price": _l("of a monthly cycle, for him alone"),
    "discount": _l("percent off each cycle"),
}
