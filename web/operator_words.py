"""Say in words what operators may do."""

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from billing_core.permissions import Permission as P

PERMISSIONS: dict[P, LazyString] = {
    P.VIEW_CUSTOMERS: _l("see customers and who is online"),
    P.ADD_CUSTOMERS: _l("add and import customers"),
    P.EDIT_CUSTOMERS: _l("edit customers: name, mobile, password, device, address"),
    P.CHANGE_SERVICE: _l("suspend, activate, hold, pause, disconnect"),
    P.CHANGE_PACKAGES: _l("change packages and billing profiles"),
    P.VIEW_BILLS: _l("see bills"),
    P.CORRECT_BILLS: _l("void and credit bills, move due dates"),
    P.TAKE_PAYMENTS: _l("take payments"),
    P.GIVE_DISCOUNTS: _l("give discounts, special prices, credit and free service"),
    P.CORRECT_PAYMENTS: _l("reverse and refund payments"),
    P.VERIFY_PAYMENTS: _l("verify payments"),
    P.SEND_MESSAGES: _l("send messages"),
    P.VIEW_REPORTS: _l("see dashboard and summaries"),
    P.MANAGE_CARDS: _l("make, print, activate and void recharge cards"),
    P.SELL_CARDS: _l("redeem recharge cards for customers"),
    P.MANAGE_OPERATORS: _l("have operators below him, and give customers to them"),
    P.MANAGE_BILLING: _l("edit billing profiles and VAT"),
    P.MANAGE_PACKAGES: _l("edit packages"),
    P.MANAGE_NETWORK: _l("edit NAS"),
    P.MANAGE_SETTINGS: _l("see and test settings"),
    P.VIEW_LOGS: _l("see runs and the audit log"),
}

ROLES: dict[str, LazyString] = {
    "admin": _l("may do everything, and sees everybody's customers"),
    "operator": _l("a reseller: sees his own customers and his sub-operators'"),
    "sub_operator": _l("a reseller below an operator: sees his own customers"),
    "manager": _l("staff: may only what is ticked, for whom he works for"),
    "distributor": _l("a shop: sells recharge cards and redeems them for customers"),
}
