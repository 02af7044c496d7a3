"""Write a decision as reply attributes, the one encoder; pure.

rlm_python3 puts a value that it cannot parse on the wire as zero, drops one that is no
str, and cuts one longer than 253 octets, all in silence (radius.md §0.3, §1.3): a limit
would become no limit. So each value is checked here, and one that cannot be said is an
error, which means "could not decide".
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from socket import AF_INET, inet_pton
from types import MappingProxyType

from billing_core.access import Accept, AccessState, RejectReason

Pair = tuple[str, str, str]
Pairs = tuple[Pair, ...]

INTEGER_MAX = 2**32 - 1
VALUE_OCTETS_MAX = 253  # RFC 2865 §5: length is one octet, type and length take two
_FOUR_GIB = 2**32
_CONTROL_CHARACTERS = frozenset(map(chr, (*range(32), 127)))

_BASE36_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_BASE36_PAIRS = [high + low for high in _BASE36_DIGITS for low in _BASE36_DIGITS]
_TWO_DIGITS = len(_BASE36_PAIRS)

REJECT_MESSAGES: Mapping[RejectReason, str] = MappingProxyType(
    {
        RejectReason.UNKNOWN_CUSTOMER: "Wrong username or password.",
        RejectReason.BAD_CREDENTIALS: "Wrong username or password.",
        RejectReason.SUSPENDED: "Your service is suspended. Please pay what is due.",
        RejectReason.DISABLED: "Your service is closed. Please call your provider.",
        RejectReason.NO_SUBSCRIPTION: "You have no package. Please buy one.",
        RejectReason.BALANCE_EXHAUSTED: "Your balance is used up. Please recharge.",
        RejectReason.QUOTA_EXHAUSTED: "Your package is used up. Please buy a new one.",
        RejectReason.PACKAGE_EXPIRED: "Your package has expired. Please buy a new one.",
        RejectReason.TOO_MANY_SESSIONS: (
            "You are logged in on too many devices. Please log out on one."
        ),
        RejectReason.MAC_MISMATCH: (
            "This username belongs to another device. Please call your provider."
        ),
        RejectReason.UNKNOWN_NAS: (
            "You cannot log in from here. Please call your provider."
        ),
        RejectReason.MALFORMED: "The login could not be read. Please try again.",
        RejectReason.COULD_NOT_DECIDE: (
            "The login service is busy. Please try again in a minute."
        ),
    }
)


class ReplyError(ValueError):
    """A reply attribute cannot hold what it should say."""

    def __init__(self, name: str, value: object, why: str) -> None:
        super().__init__(f"{name} {value!r}: {why}")


def encode_accept(state: AccessState, accept: Accept, cookie: str) -> Pairs:
    """Write the reply attributes of an accepted login."""
    package, nas = state.package, state.nas
    if nas is None:
        raise ReplyError("vendor", None, "nobody is let in through an unknown NAS")
    vendor = nas.vendor
    if accept.restriction is not None:
        pairs = _encode_restricted(vendor, nas.interim_interval_seconds, accept, cookie)
        if accept.restriction.state == "address_list" and state.framed_ip is not None:
            # A list restricts him where he is.
            pairs += (_ipv4("Framed-IP-Address", state.framed_ip),)
        return pairs
    rates = (package.rate_up_bps, package.rate_down_bps)
    if accept.is_reduced and package.reduced_rates is not None:
        rates = package.reduced_rates
    pairs = _encode_lasting(
        vendor,
        *rates,
        package.framed_pool if state.framed_ip is None else None,
        package.interim_interval_seconds or nas.interim_interval_seconds,
        package.idle_timeout_seconds,
    )
    # As hex: Class is of type octets.
    pairs += (("Class", ":=", "0x" + cookie.encode().hex()),)
    if accept.session_timeout_seconds is not None:
        pairs += (_integer("Session-Timeout", accept.session_timeout_seconds),)
    if accept.limit_octets is not None:
        pairs += _octet_limit(vendor, accept.limit_octets)
    if state.framed_ip is not None:
        pairs += (_ipv4("Framed-IP-Address", state.framed_ip),)
    return pairs


def _encode_restricted(
    vendor: str, interim_interval_seconds: int, accept: Accept, cookie: str
) -> Pairs:
    """Write the reply of a suspended customer: where he is put, and nothing he bought.

    A MikroTik cannot be moved by CoA (radius.md §0.8): suspension is a Disconnect, and
    this is what the next login gets.
    """
    restriction = accept.restriction
    if restriction is None or restriction.target is None:
        raise ReplyError("Framed-Pool", None, "the suspended state names no pool")
    if restriction.state == "pool":
        pair = encode_text("Framed-Pool", restriction.target)
    elif vendor in ("mikrotik", "accel-ppp"):
        pair = encode_text("Mikrotik-Address-List", restriction.target)
    else:
        # RFC 2865 §5.11: the name of a filter list on the NAS.
        pair = encode_text("Filter-Id", restriction.target)
    return (
        pair,
        ("Class", ":=", "0x" + cookie.encode().hex()),
        _integer("Acct-Interim-Interval", interim_interval_seconds),
    )


def encode_text(name: str, value: str) -> Pair:
    """Write a text attribute; rlm_python3 reads backslash escapes in its value."""
    octets = len(value) if value.isascii() else len(value.encode())
    # The value is not told: it may be a password, and errors are logged.
    if not 0 < octets <= VALUE_OCTETS_MAX:
        raise ReplyError(name, "…", f"it needs 1 to {VALUE_OCTETS_MAX} octets")
    # Not printable are also the joiners of Bangla writing: those are welcome.
    if not value.isprintable() and not _CONTROL_CHARACTERS.isdisjoint(value):
        raise ReplyError(name, "…", "it has control characters")
    return name, ":=", value.replace("\\", "\\\\")


def class_value(customer_id: int, session_id: int) -> str:
    """Give the cookie by which accounting finds its session (RFC 2865 §5.25)."""
    return f"k{_base36(customer_id)}.{_base36(session_id)}"


def coa_limits(
    vendor: str,
    *,
    session_timeout_seconds: int | None = None,
    limit_octets: int | None = None,
) -> dict[str, int] | None:
    """Give what a CoA-Request tells a running session; both limits from its start.

    None: this NAS cannot be told, so it must not be trusted to cut where it would.
    """
    attributes: dict[str, int] = {}
    if session_timeout_seconds is not None:
        _, _, value = _integer("Session-Timeout", session_timeout_seconds)
        attributes["Session-Timeout"] = int(value)
    if limit_octets is not None:
        if vendor not in _OCTET_LIMITS:
            # It was given no such limit at login either: nothing to prolong.
            return attributes or None
        for name, _, value in _octet_limit(vendor, limit_octets):
            attributes[name] = int(value)
    return attributes or None


def coa_rates(
    vendor: str, *, rate_up_bps: int | None, rate_down_bps: int | None
) -> dict[str, str] | None:
    """Give what a CoA-Request tells a running session of its rates; None = not limited.

    None: this NAS cannot be told. WISPr's attributes are for logins only.
    """
    if vendor not in ("mikrotik", "accel-ppp"):
        return None
    pairs = _rate_encoder(vendor)(rate_up_bps, rate_down_bps)
    return {name: value for name, _, value in pairs}


@lru_cache(maxsize=1024)
def _encode_lasting(
    vendor: str,
    rate_up_bps: int | None,
    rate_down_bps: int | None,
    framed_pool: str | None,
    interim_interval_seconds: int,
    idle_timeout_seconds: int | None,
) -> Pairs:
    """Write what is the same for each login to a package."""
    pairs: Pairs = ()
    if rate_up_bps is not None or rate_down_bps is not None:
        pairs += _rate_encoder(vendor)(rate_up_bps, rate_down_bps)
    if framed_pool is not None:
        pairs += (encode_text("Framed-Pool", framed_pool),)
    # RFC 2869 §5.16: at least 60 seconds.
    if interim_interval_seconds < 60:
        raise ReplyError(
            "Acct-Interim-Interval", interim_interval_seconds, "it is under a minute"
        )
    pairs += (_integer("Acct-Interim-Interval", interim_interval_seconds),)
    if idle_timeout_seconds is not None:
        pairs += (_integer("Idle-Timeout", idle_timeout_seconds),)
    return pairs


def _integer(name: str, value: int) -> Pair:
    # Zero would be "no limit" to most NAS.
    if not 0 < value <= INTEGER_MAX:
        raise ReplyError(name, value, f"it must be 1 to {INTEGER_MAX}")
    return name, ":=", str(value)


def _ipv4(name: str, value: str) -> Pair:
    try:
        inet_pton(AF_INET, value)
    except OSError:
        raise ReplyError(name, value, "it is not an IPv4 address") from None
    return name, ":=", value


def _base36(number: int) -> str:
    if number < 0:
        raise ReplyError("Class", number, "an identity is never negative")
    # Two digits a step: this is done twice for each login.
    text = ""
    while number >= _TWO_DIGITS:
        number, digits = divmod(number, _TWO_DIGITS)
        text = _BASE36_PAIRS[digits] + text
    return (_BASE36_PAIRS[number] + text).lstrip("0") or "0"


def _mikrotik_rates(up_bps: int | None, down_bps: int | None) -> Pairs:
    # rx/tx as the router sees it: what it receives, the customer's upload, is first
    # (radius.md §3.1). 0 is RouterOS's "not limited".
    value = f"{_mikrotik_rate(up_bps)}/{_mikrotik_rate(down_bps)}"
    return (("Mikrotik-Rate-Limit", ":=", value),)


def _mikrotik_rate(bps: int | None) -> str:
    if bps is None:
        return "0"
    if bps <= 0:
        raise ReplyError("Mikrotik-Rate-Limit", bps, "a rate is positive")
    for unit, suffix in ((1_000_000, "M"), (1000, "k")):
        if bps % unit == 0:
            return f"{bps // unit}{suffix}"
    return str(bps)


def _wispr_rates(up_bps: int | None, down_bps: int | None) -> Pairs:
    # 32 bits end at 4.29 Gbit/s: who bought more gets the most that can be said.
    pairs: Pairs = ()
    if up_bps is not None:
        pairs += (_integer("WISPr-Bandwidth-Max-Up", min(up_bps, INTEGER_MAX)),)
    if down_bps is not None:
        pairs += (_integer("WISPr-Bandwidth-Max-Down", min(down_bps, INTEGER_MAX)),)
    return pairs


def _accel_ppp_rates(up_bps: int | None, down_bps: int | None) -> Pairs:
    # accel-ppp's [shaper] reads Filter-Id by default: down/up in kbit/s. Less than one
    # would be 0, "not limited".
    value = "/".join(
        "0" if bps is None else str(max(bps // 1000, 1)) for bps in (down_bps, up_bps)
    )
    return (("Filter-Id", ":=", value),)


_RATES: Mapping[str, Callable[[int | None, int | None], Pairs]] = MappingProxyType(
    {
        "mikrotik": _mikrotik_rates,
        "rfc": _wispr_rates,
        "coovachilli": _wispr_rates,
        "accel-ppp": _accel_ppp_rates,
    }
)

# Attribute of the low 32 bits, and of the 4 GiB units. No RFC has one for octets: on
# other NAS the worker cuts the session when they are used up.
_OCTET_LIMITS = MappingProxyType(
    {
        "mikrotik": ("Mikrotik-Total-Limit", "Mikrotik-Total-Limit-Gigawords"),
        "coovachilli": (
            "ChilliSpot-Max-Total-Octets",
            "ChilliSpot-Max-Total-Gigawords",
        ),
    }
)


def _rate_encoder(vendor: str) -> Callable[[int | None, int | None], Pairs]:
    try:
        return _RATES[vendor]
    except KeyError:
        raise ReplyError("vendor", vendor, "there is no profile of it") from None


def _octet_limit(vendor: str, octets: int) -> Pairs:
    names = _OCTET_LIMITS.get(vendor)
    if names is None:
        return ()
    if octets <= 0:
        raise ReplyError(names[0], octets, "it must be positive")
    gigawords, low = divmod(octets, _FOUR_GIB)
    if not low:
        # A limit of 0 would be none to a NAS that ignores Gigawords: one octet less.
        gigawords, low = gigawords - 1, INTEGER_MAX
    pairs: Pairs = (_integer(names[0], low),)
    if gigawords:
        pairs += (_integer(names[1], gigawords),)
    return pairs
