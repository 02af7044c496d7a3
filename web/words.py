"""Say in words what the database says in codes; each is in the catalogues."""

from flask_babel import lazy_gettext as _l
from markupsafe import escape

_WORDS = {
    # customers
    "active": _l("active"),
    "suspended": _l("suspended"),
    "disabled": _l("disabled"),
    "pppoe": _l("PPPoE"),
    "hotspot": _l("hotspot"),
    "static": _l("static IP"),
    "other": _l("other"),
    # why service stopped
    "OPERATOR": _l("by an operator"),
    "PAYMENT_DUE": _l("a bill is overdue"),
    "BALANCE_EXHAUSTED": _l("the balance is used up"),
    "DUE_THRESHOLD": _l("more is due than the profile bears"),
    "PAUSED": _l("paused"),
    "QUOTA_EXHAUSTED": _l("the data is used up"),
    "PACKAGE_EXPIRED": _l("the package is over"),
    "FAIR_USE": _l("beyond fair use"),
    "SUSPENDED": _l("suspended"),
    "DISABLED": _l("disabled"),
    "UNKNOWN_CUSTOMER": _l("nobody has this username"),
    "BAD_CREDENTIALS": _l("wrong password"),
    "NO_SUBSCRIPTION": _l("no package bought"),
    "TOO_MANY_SESSIONS": _l("too many devices at once"),
    "MAC_MISMATCH": _l("another device than his"),
    "UNKNOWN_NAS": _l("unknown NAS"),
    "MALFORMED": _l("a broken request"),
    "COULD_NOT_DECIDE": _l("could not be decided"),
    # bills
    "unpaid": _l("unpaid"),
    "partial": _l("partly paid"),
    "paid": _l("paid"),
    "void": _l("void"),
    "not_void": _l("not void"),
    "overdue": _l("overdue"),
    "open": _l("open"),
    "cycle": _l("monthly bill"),
    "service_day": _l("service day"),
    "session": _l("session"),
    "package": _l("package"),
    "package_change": _l("package change"),
    "profile_change": _l("profile change"),
    "other_charge": _l("other charge"),
    # ledger entries
    "top_up": _l("money in"),
    "session_charge": _l("session charge"),
    "package_purchase": _l("package purchase"),
    "adjustment": _l("adjustment"),
    "reversal": _l("taken back"),
    "bill": _l("bill issued"),
    "settlement": _l("bill paid from the wallet"),
    "bill_void": _l("bill void"),
    "credit_note": _l("credit note"),
    "refund": _l("refund"),
    # payments
    "cash": _l("cash"),
    "card": _l("recharge card"),
    "transfer": _l("manual transfer"),
    "bkash": "bKash",
    "nagad": "Nagad",
    "sslcommerz": "SSLCommerz",
    # attempts to pay, and what happened to them
    "created": _l("begun"),
    "pending": _l("being paid"),
    "confirmed": _l("confirmed by the gateway"),
    "review": _l("to be looked at"),
    "failed": _l("failed"),
    "expired": _l("expired"),
    "rejected": _l("rejected"),
    "approved": _l("approved"),
    "checkout": _l("checkout opened"),
    "hint": _l("hint"),
    "asked": _l("gateway asked"),
    "assigned": _l("assigned by a person"),
    # money that a gateway told of by itself
    "unmatched": _l("nobody's yet"),
    "credited": _l("credited"),
    "dismissed": _l("put aside"),
    "bills": _l("bills"),
    "wallet": _l("wallet"),
    # refunds
    "requested": _l("with the gateway"),
    "unknown": _l("not known yet"),
    "done": _l("given back"),
    "refused": _l("refused"),
    # sessions
    "opening": _l("starting"),
    "ended": _l("ended"),
    # packages
    "daily": _l("daily"),
    "monthly": _l("monthly"),
    "per_session": _l("per session"),
    "free": _l("free"),
    "on_sale": _l("on sale"),
    "withdrawn": _l("withdrawn"),
    # requests to NAS
    "disconnect": _l("disconnect"),
    "coa": _l("change (CoA)"),
    "sending": _l("being sent"),
    "cancelled": _l("called off"),
    # what customers are told of
    "bill_issued": _l("a new bill"),
    "due_soon": _l("a bill due soon"),
    "restored": _l("service restored"),
    "balance_low": _l("a low balance"),
    "package_expiring": _l("a package that ends"),
    "data_80": _l("data nearly used up"),
    "login_code": _l("a login code"),
    "payment_link": _l("a payment link"),
    "on": _l("on"),
    "off": _l("off"),
    # runs
    "cycles": _l("cycle bills"),
    "service_days": _l("service days"),
    "suspension": _l("suspensions"),
    # recharge cards
    "generated": _l("made"),
    "used": _l("used"),
    # operators
    "admin": _l("admin"),
    "operator": _l("operator"),
    "sub_operator": _l("sub-operator"),
    "manager": _l("manager"),
    "distributor": _l("card distributor"),
}


def say(code: str | None) -> str:
    """Return the words for a code; what has none is shown as it is."""
    if code is None:
        return ""
    return str(_WORDS.get(code, escape(code.replace("_", " "))))


def known_codes() -> frozenset[str]:
    """Return the codes there are words for."""
    return frozenset(_WORDS)
