"""Write what was granted as the words that open_session() reads; pure."""

from billing_core.decisions import Accept, AccessRequest, AccessState
from radius_module.replies import VALUE_OCTETS_MAX, class_value, interim_interval_of

_NONE = "-"


class GrantError(ValueError):
    """A grant does not fit its attribute."""


def grant_words(state: AccessState, request: AccessRequest, accept: Accept) -> str:
    """Write a grant, in the order that open_session() gives (0002_open_session.sql)."""
    package, bought = state.package, state.subscription
    words = (
        f"{state.customer_id} {state.session_id} {request.nas_id} {package.package_id}"
        f" {_NONE if bought is None else bought.subscription_id}"
        f" {accept.sessions_allowed} {accept.hold:f}"
        f" {_or_none(accept.limit_seconds)} {_or_none(accept.limit_octets)}"
        f" {_or_none(accept.cut_at_epoch)} {accept.cut_reason or _NONE}"
        f" {interim_interval_of(state)}"
        f" {class_value(state.customer_id, state.session_id)}"
        f" {_or_none(accept.new_valid_until_epoch)} {_day_words(accept)}"
    )
    if len(words) > VALUE_OCTETS_MAX:
        raise GrantError(f"the grant has {len(words)} octets: {words}")
    return words


def _day_words(accept: Accept) -> str:
    day = accept.day_charge
    if day is None:
        return f"{_NONE} 0 0 0"
    return f"{day.day.isoformat()} {day.net:f} {day.vat:f} {day.vat_percent:f}"


def _or_none(number: int | None) -> str | int:
    return _NONE if number is None else number
