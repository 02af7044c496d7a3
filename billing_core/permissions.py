"""Which operators may do what; pure."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

ADMIN, OPERATOR, SUB_OPERATOR = "admin", "operator", "sub_operator"
MANAGER, DISTRIBUTOR = "manager", "distributor"
ROLES = (ADMIN, OPERATOR, SUB_OPERATOR, MANAGER, DISTRIBUTOR)
#: Who may have customers of his own.
SELLERS = (OPERATOR, SUB_OPERATOR)


class Permission(StrEnum):
    """What an operator may be allowed; always of what is his."""

    VIEW_CUSTOMERS = "view_customers"
    ADD_CUSTOMERS = "add_customers"
    #: Name, mobile, password, device, address.
    EDIT_CUSTOMERS = "edit_customers"
    #: Suspend, activate, hold, pause, disconnect.
    CHANGE_SERVICE = "change_service"
    #: Package, billing profile; not at a price of his own.
    CHANGE_PACKAGES = "change_packages"
    VIEW_BILLS = "view_bills"
    #: Void, credit, another due date, a bill by hand.
    CORRECT_BILLS = "correct_bills"
    TAKE_PAYMENTS = "take_payments"
    #: Off a payment or a price; credit; service that is billed to nobody.
    GIVE_DISCOUNTS = "give_discounts"
    #: Reverse, refund, adjust.
    CORRECT_PAYMENTS = "correct_payments"
    VERIFY_PAYMENTS = "verify_payments"
    SEND_MESSAGES = "send_messages"
    VIEW_REPORTS = "view_reports"
    MANAGE_CARDS = "manage_cards"
    SELL_CARDS = "sell_cards"
    #: Those below him: sub-operators, managers, card distributors.
    MANAGE_OPERATORS = "manage_operators"
    #: The provider's own, never a reseller's.
    MANAGE_BILLING = "manage_billing"
    MANAGE_PACKAGES = "manage_packages"
    MANAGE_NETWORK = "manage_network"
    MANAGE_SETTINGS = "manage_settings"
    VIEW_LOGS = "view_logs"


_EVERY = frozenset(Permission)
#: What concerns the whole installation and so nobody who sees only a part of it.
OF_THE_PROVIDER = frozenset(
    {
        Permission.MANAGE_BILLING,
        Permission.MANAGE_PACKAGES,
        Permission.MANAGE_NETWORK,
        Permission.MANAGE_SETTINGS,
        Permission.VIEW_LOGS,
    }
)
_RESELLER = frozenset(
    {
        Permission.VIEW_CUSTOMERS,
        Permission.ADD_CUSTOMERS,
        Permission.EDIT_CUSTOMERS,
        Permission.CHANGE_SERVICE,
        Permission.CHANGE_PACKAGES,
        Permission.VIEW_BILLS,
        Permission.TAKE_PAYMENTS,
        Permission.SEND_MESSAGES,
        Permission.VIEW_REPORTS,
        Permission.SELL_CARDS,
    }
)
#: What a role has without being given it, and the most that it can be given.
_OWN = {
    ADMIN: _EVERY,
    OPERATOR: _RESELLER,
    SUB_OPERATOR: _RESELLER,
    MANAGER: frozenset[Permission](),
    DISTRIBUTOR: frozenset({Permission.SELL_CARDS}),
}
_MOST = {
    ADMIN: _EVERY,
    OPERATOR: _EVERY - OF_THE_PROVIDER,
    SUB_OPERATOR: _EVERY - OF_THE_PROVIDER,
    MANAGER: _EVERY - {Permission.MANAGE_OPERATORS},
    DISTRIBUTOR: frozenset({Permission.SELL_CARDS}),
}


class Rank(NamedTuple):
    """An operator's role and what he was given beyond it."""

    role: str
    given: frozenset[str]


def allowed(rank: Rank, superiors: Iterable[Rank] = ()) -> frozenset[Permission]:
    """Return what an operator may do: never more than any of his superiors may."""
    may = _of(rank)
    for superior in superiors:
        may &= _of(superior)
    return may


def can_be_given(role: str) -> frozenset[Permission]:
    """Return what a role does not have by itself and can be given."""
    return _MOST[role] - _OWN[role]


def roles_below(role: str) -> tuple[str, ...]:
    """Return the roles of those whom an operator of a role may take on."""
    if role == ADMIN:
        return ROLES
    if role == OPERATOR:
        return (SUB_OPERATOR, MANAGER, DISTRIBUTOR)
    return (MANAGER, DISTRIBUTOR) if role == SUB_OPERATOR else ()


def _of(rank: Rank) -> frozenset[Permission]:
    given = {p for p in Permission if p.value in rank.given}
    return _OWN[rank.role] | (given & _MOST[rank.role])
