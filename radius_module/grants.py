"""Write what was granted as the words that open_session() reads; pure."""

from billing_core.access import Accept, AccessRequest, AccessState, DayCharge
from radius_module.replies import VALUE_OCTETS_MAX

_NONE = "-"
_NO_DAY = "- 0 0 0"


class GrantError(ValueError):
    """A grant does not fit its attribute."""


def grant_words(
    state: AccessState, request: AccessRequest, accept: Accept, cookie: str
) -> str:
    """Write a grant, in the order that open_session() gives (0002_open_session.sql)."""
    bought, seconds, octets = (
        state.subscription,
        accept.limit_seconds,
        accept.limit_octets,
    )
    cut_at, valid_until = accept.cut_at_epoch, accept.new_valid_until_epoch
    interim = state.package.interim_interval_seconds
    if interim is None and state.nas is not None:
        interim = state.nas.interim_interval_seconds
    units, hundredths = divmod(accept.hold_minor, 100)
    words = (
        f"{state.customer_id} {state.session_id} {request.nas_id}"
        f" {state.package.package_id}"
        f" {_NONE if bought is None else bought.subscription_id}"
        f" {accept.sessions_allowed} {units}.{hundredths:02d}"
        f" {_NONE if seconds is None else seconds}"
        f" {_NONE if octets is None else octets}"
        f" {_NONE if cut_at is None else cut_at} {accept.cut_reason or _NONE}"
        f" {interim} {cookie}"
        f" {_NONE if valid_until is None else valid_until}"
        f" {_NO_DAY if accept.day_charge is None else _day_words(accept.day_charge)}"
        f" {_standing(accept)}"
        f" {'running' if state.running else _NONE}"
    )
    if len(words) > VALUE_OCTETS_MAX:
        raise GrantError(f"the grant has {len(words)} octets: {words}")
    return words


def may_be_plain(grant: str) -> bool:
    """Tell whether open_plain_sessions() may open a session, together with others."""
    words = grant.split(" ")
    is_alone = words[19] == _NONE
    return is_alone and words[13:15] == [_NONE, _NONE] and words[18] != "restricted"


def _standing(accept: Accept) -> str:
    if accept.restriction is not None:
        return "restricted"
    return "reduced" if accept.is_reduced else _NONE


def _day_words(day: DayCharge) -> str:
    return f"{day.day.isoformat()} {day.net} {day.vat} {day.vat_percent}"
