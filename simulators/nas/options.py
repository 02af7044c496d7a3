"""How a simulated NAS looks, what is odd about it, and how bad its network is."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Flavour(StrEnum):
    """The service a MikroTik offers, which decides the attributes it sends."""

    PPPOE = "pppoe"
    HOTSPOT = "hotspot"
    #: Leases: asks about a device by its MAC address, with an empty password.
    DHCP = "dhcp"


@dataclass(frozen=True, slots=True)
class Quirks:
    """What NAS are known to do differently; the defaults are a well-behaved MikroTik.

    `swapped_counters` reports the customer's upload as output. `event_timestamp`
    follows the virtual clock, the real one, or is left out. `shapes_traffic` holds
    traffic to Mikrotik-Rate-Limit.
    """

    sends_gigawords: bool = True
    swapped_counters: bool = False
    event_timestamp: Literal["virtual", "real", "none"] = "virtual"
    clock_skew_seconds: int = 0
    ipv6: bool = False
    honours_limits: bool = True
    shapes_traffic: bool = False
    zero_stop_counters: bool = False
    echoes_class: bool = True
    session_id_in_login: bool = True
    message_authenticator: bool = True
    requires_message_authenticator: bool = True
    interim_interval_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Weather:
    """What the network does to accounting packets, each a probability from 0 to 1.

    A lost transmission or response is repeated by the NAS; `event_loss` is an event
    whose every repeat is lost. A reordered packet arrives after the next one.
    """

    transmission_loss: float = 0.0
    response_loss: float = 0.0
    event_loss: float = 0.0
    duplication: float = 0.0
    reordering: float = 0.0
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Retry:
    """How long a NAS waits for an answer and how often it asks in all.

    With `fresh_id` each repeat is a new packet with its Acct-Delay-Time brought up to
    date (RFC 2866 section 5.2), else the same bytes again.
    """

    timeout_seconds: float = 1.0
    attempts: int = 30
    fresh_id: bool = False


@dataclass(frozen=True, slots=True)
class CoaBehaviour:
    """How a NAS answers CoA and Disconnect requests.

    `obey` judges the request as MikroTik would. With a window, a request whose
    Event-Timestamp is missing or further off is silently dropped (RFC 5176 section
    6.3). `ends_session=False` acknowledges a Disconnect and lets the session run.
    """

    answer: Literal["obey", "ack", "nak", "silent"] = "obey"
    error_cause: int | None = None
    delay_seconds: float = 0.0
    event_timestamp_window_seconds: int | None = None
    ends_session: bool = True
