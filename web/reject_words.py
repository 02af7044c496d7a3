"""What to do about a refused login, by its reason."""

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

ADVICE: dict[str, LazyString] = {
    "UNKNOWN_CUSTOMER": _l(
        "Look at the spelling on his device, or add him. Many at once from one device:"
        " a router with an old login."
    ),
    "BAD_CREDENTIALS": _l("Tell him the password, or give him a new one."),
    "SUSPENDED": _l("He gets service again when he pays what is due."),
    "DISABLED": _l("Activate him if he is to be served."),
    "NO_SUBSCRIPTION": _l("He has to buy a package first."),
    "BALANCE_EXHAUSTED": _l("He has to top up."),
    "QUOTA_EXHAUSTED": _l("His data is used up: he has to buy a package."),
    "PACKAGE_EXPIRED": _l("His package is over: he has to buy another."),
    "TOO_MANY_SESSIONS": _l(
        "He is online already. If not really: disconnect the old session."
    ),
    "MAC_MISMATCH": _l("He has another device: release or change his device."),
    "UNKNOWN_NAS": _l("Register the NAS, or enable it again."),
    "MALFORMED": _l("The NAS sent what cannot be read: look at its settings."),
    "COULD_NOT_DECIDE": _l(
        "The database did not answer in time: look at the runs page."
    ),
}
