"""Say what the logs say was done; each is in the catalogues."""

from flask_babel import lazy_gettext as _l

_DONE = {
    # to customers
    "activated": _l("activated"),
    "added": _l("added"),
    "bill void": _l("bill void"),
    "billed again": _l("billed again"),
    "billing profile": _l("billing profile"),
    "card redeemed": _l("card redeemed"),
    "charged": _l("charged"),
    "contact changed": _l("contact changed"),
    "credit limit": _l("credit limit"),
    "credit note": _l("credit note"),
    "device bound": _l("device bound"),
    "device released": _l("device released"),
    "disabled": _l("disabled"),
    "disconnected": _l("disconnected"),
    "discount": _l("discount"),
    "due date": _l("due date"),
    "entry reversed": _l("entry reversed"),
    "full rate again": _l("full rate again"),
    "hold": _l("hold"),
    "hold ended": _l("hold ended"),
    "hotspot key given": _l("hotspot key given"),
    "not fulfilled": _l("not fulfilled"),
    "operator changed": _l("operator changed"),
    "package bought": _l("package bought"),
    "package change": _l("package change"),
    "package changed": _l("package changed"),
    "parked": _l("parked"),
    "password changed": _l("password changed"),
    "paused": _l("paused"),
    "payment link": _l("payment link"),
    "payment link withdrawn": _l("payment link withdrawn"),
    "payment rejected": _l("payment rejected"),
    "profile change": _l("profile change"),
    "rate reduced": _l("rate reduced"),
    "refund": _l("refund"),
    "refund done": _l("refund done"),
    "refund refused": _l("refund refused"),
    "refund requested": _l("refund requested"),
    "refund unknown": _l("refund unknown"),
    "restored": _l("restored"),
    "resumed": _l("resumed"),
    "special price": _l("special price"),
    "static address given": _l("static address given"),
    "static address released": _l("static address released"),
    "suspended": _l("suspended"),
    "unmatched money assigned": _l("unmatched money assigned"),
    "unparked": _l("unparked"),
    "wallet adjusted": _l("wallet adjusted"),
    # by operators, and to them
    "billing profile deleted": _l("billing profile deleted"),
    "billing profile made": _l("billing profile made"),
    "billing profile replaced": _l("billing profile replaced"),
    "customers imported": _l("customers imported"),
    "gateway tried": _l("gateway tried"),
    "logged in": _l("logged in"),
    "NAS added": _l("NAS added"),
    "NAS changed": _l("NAS changed"),
    "NAS disabled": _l("NAS disabled"),
    "NAS enabled": _l("NAS enabled"),
    "operator added": _l("operator added"),
    "operator disabled": _l("operator disabled"),
    "operator enabled": _l("operator enabled"),
    "operator password": _l("operator password"),
    "operator role": _l("operator role"),
    "package added": _l("package added"),
    "package sold again": _l("package sold again"),
    "package withdrawn": _l("package withdrawn"),
    "second factor enrolled": _l("second factor enrolled"),
    "second factor removed": _l("second factor removed"),
    "unmatched money dismissed": _l("unmatched money dismissed"),
    "unmatched money reopened": _l("unmatched money reopened"),
    "VAT profile made": _l("VAT profile made"),
    "VAT rate": _l("VAT rate"),
    # to cards
    "cards activated": _l("cards activated"),
    "cards generated": _l("cards generated"),
    "cards printed": _l("cards printed"),
    "cards voided": _l("cards voided"),
}


def logged(what: str) -> str:
    """Return the words for what a log says; what has none is shown as it is."""
    return str(_DONE.get(what, what))


def known() -> frozenset[str]:
    """Return what there are words for."""
    return frozenset(_DONE)
