"""Which customers may be billed how: kind, package and billing profile; pure."""

from billing_core.billing_terms import DAILY, FREE, MONTHLY
from billing_core.errors import BillingError

PPPOE, HOTSPOT, STATIC, OTHER = "pppoe", "hotspot", "static", "other"
BY_PACKAGE, PER_SESSION = "package", "per_session"

BILLINGS = {
    PPPOE: (DAILY, MONTHLY, FREE),
    HOTSPOT: (BY_PACKAGE, PER_SESSION, FREE),
    STATIC: (MONTHLY, FREE),
    OTHER: (MONTHLY, FREE),
}


class KindError(BillingError):
    """Kind, package and billing profile contradict each other."""


def usual_kind(billing: str) -> str:
    """Give the kind of customer that a package is for when nobody said it."""
    return HOTSPOT if billing in (BY_PACKAGE, PER_SESSION) else PPPOE


def check_terms(
    kind: str,
    package: str,
    billing: str,
    profile: str | None = None,
    billing_type: str | None = None,
) -> None:
    """Refuse a package (name and billing) or profile (name and type) for this kind."""
    allowed = BILLINGS.get(kind)
    if allowed is None:
        raise KindError(f"A customer is {', '.join(BILLINGS)}, not {kind}.")
    if billing not in allowed:
        raise KindError(
            f"Package {package} is {billing}, but a customer of kind {kind} is billed"
            f" {' or '.join(allowed)}."
        )
    if profile is None:
        return
    if kind == HOTSPOT:
        raise KindError(
            f"A hotspot customer has no billing profile: what he buys is billed as he"
            f" buys it, so {profile} is not for him."
        )
    # A free profile bills nothing; days and sessions are charged by the network.
    if billing_type != billing and not (billing_type == FREE and billing == MONTHLY):
        raise KindError(
            f"Profile {profile} is {billing_type}, but package {package} is {billing}."
        )
