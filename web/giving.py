"""What an operator may put a customer on.

To charge somebody nothing is the greatest discount there is: what is free is for those
who may give discounts. A profile that bills nobody forgives what is open besides.
"""

from billing_core.billing_terms import FREE
from billing_core.db.packages import Package, list_packages
from billing_core.db.profiles import Profile, list_profiles
from billing_core.permissions import Permission
from web.access import may
from web.desk import connection


def packages_to_give() -> list[Package]:
    """Return the packages on sale that the operator may put a customer on."""
    return [
        package
        for package in list_packages(connection())
        if not package.is_withdrawn and _is_his_to_give(package.billing)
    ]


def profiles_to_give() -> list[Profile]:
    """Return the billing profiles that the operator may put a customer on."""
    return [
        profile
        for profile in list_profiles(connection())
        if _is_his_to_give(profile.billing_type)
    ]


def _is_his_to_give(billing: str) -> bool:
    return billing != FREE or may(Permission.GIVE_DISCOUNTS)
