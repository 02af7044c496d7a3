"""What a reply or a CoA-Request tells the NAS to enforce on a session."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from simulators.nas.attributes import Value

_BITS_PER_UNIT: Final = {"": 1, "k": 1000, "K": 1000, "M": 10**6, "G": 10**9}


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a session; None where there is none.

    Input is what comes from the customer. `rate_limit` stays in MikroTik's words.
    """

    session_timeout_seconds: int | None = None
    idle_timeout_seconds: int | None = None
    input_octets_max: int | None = None
    output_octets_max: int | None = None
    total_octets_max: int | None = None
    rate_limit: str | None = None
    address_list: str | None = None


def read_limits(
    attributes: Mapping[str, tuple[Value, ...]], limits: Limits | None = None
) -> Limits:
    """Return the limits with what the attributes say put in their place.

    Zero is no limit, as most NAS read it.
    """
    old = limits or Limits()

    def seconds(name: str, before: int | None) -> int | None:
        found = first_int(attributes, name)
        return before if found is None else found or None

    def octets(mikrotik: str, chilli: str, before: int | None) -> int | None:
        found = _octets(attributes, mikrotik, mikrotik + "-Gigawords")
        if found is None:
            found = _octets(attributes, chilli + "-Octets", chilli + "-Gigawords")
        return before if found is None else found or None

    return Limits(
        session_timeout_seconds=seconds("Session-Timeout", old.session_timeout_seconds),
        idle_timeout_seconds=seconds("Idle-Timeout", old.idle_timeout_seconds),
        input_octets_max=octets(
            "Mikrotik-Recv-Limit", "ChilliSpot-Max-Input", old.input_octets_max
        ),
        output_octets_max=octets(
            "Mikrotik-Xmit-Limit", "ChilliSpot-Max-Output", old.output_octets_max
        ),
        total_octets_max=octets(
            "Mikrotik-Total-Limit", "ChilliSpot-Max-Total", old.total_octets_max
        ),
        rate_limit=first_str(attributes, "Mikrotik-Rate-Limit") or old.rate_limit,
        address_list=first_str(attributes, "Mikrotik-Address-List") or old.address_list,
    )


def rates_of(rate_limit: str) -> tuple[int, int] | None:
    """Read "rx/tx ..." as bits per second of upload and download.

    The router names what it receives first, and a missing second is as the first.
    """
    found = re.match(r"(\d+)([kKMG]?)(?:/(\d+)([kKMG]?))?(?:\s|$)", rate_limit)
    if found is None:
        return None
    up = int(found[1]) * _BITS_PER_UNIT[found[2]]
    down = int(found[3]) * _BITS_PER_UNIT[found[4]] if found[3] else up
    return up, down


def first_int(attributes: Mapping[str, tuple[Value, ...]], name: str) -> int | None:
    """Return an attribute's first value if it is a number."""
    value = next(iter(attributes.get(name, ())), None)
    return value if isinstance(value, int) else None


def first_str(attributes: Mapping[str, tuple[Value, ...]], name: str) -> str | None:
    """Return an attribute's first value if it is text."""
    value = next(iter(attributes.get(name, ())), None)
    return value if isinstance(value, str) else None


def _octets(
    attributes: Mapping[str, tuple[Value, ...]], low: str, gigawords: str
) -> int | None:
    low_octets, high_words = (
        first_int(attributes, low),
        first_int(attributes, gigawords),
    )
    if low_octets is None and high_words is None:
        return None
    return (high_words or 0) << 32 | (low_octets or 0)
