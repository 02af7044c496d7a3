"""A live session on the simulated NAS: what it counts and what it reports."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simulators.nas.accounting import AcctDelivery, octet_attributes
from simulators.nas.attributes import (
    Extra,
    Line,
    NasIdentity,
    Value,
    line_attributes,
    with_extra,
)
from simulators.nas.limits import Limits
from simulators.nas.meter import MICRO, Meter, shaped
from simulators.nas.options import Quirks


@dataclass(frozen=True, slots=True)
class SessionHost:
    """What a session needs of its NAS."""

    identity: NasIdentity
    quirks: Quirks
    # Guards the counters and limits of all sessions of the NAS.
    lock: threading.RLock
    now_us: Callable[[], int]
    event_timestamp: Callable[[], int | None]
    deliver: Callable[[Sequence[tuple[str, Value]]], AcctDelivery]


class NasSession:
    """One customer on-line. Its methods report to the accounting server at once."""

    def __init__(
        self,
        host: SessionHost,
        line: Line,
        *,
        framed_ip: str,
        class_values: tuple[Value, ...],
        limits: Limits,
        interim_interval_seconds: int | None,
    ) -> None:
        self.line = line
        self.framed_ip = framed_ip
        self.limits = limits
        self.terminate_cause: str | None = None
        self.is_live = True
        self.deliveries: list[AcctDelivery] = []
        self._host = host
        self._class_values = class_values
        self._interim_us = (interim_interval_seconds or 0) * MICRO
        self._meter = Meter(host.now_us())
        self._next_interim_us = self._meter.started_us + self._interim_us
        self._offered = (0, 0)
        # One packet of a session at a time, so that none overtakes the one before.
        self._delivery_lock = threading.RLock()

    def __repr__(self) -> str:
        state = "live" if self.is_live else f"ended by {self.terminate_cause}"
        return f"<simulated session {self.acct_session_id} of {self.username}: {state}>"

    @property
    def username(self) -> str:
        """Return the customer's login name."""
        return self.line.username

    @property
    def mac(self) -> str:
        """Return the customer's MAC address."""
        return self.line.mac

    @property
    def acct_session_id(self) -> str:
        """Return the Acct-Session-Id."""
        return self.line.acct_session_id

    @property
    def class_value(self) -> bytes | None:
        """Return the first Class the server gave."""
        value = next(iter(self._class_values), None)
        return value if isinstance(value, bytes) else None

    @property
    def session_timeout_seconds(self) -> int | None:
        """Return the Session-Timeout in force."""
        return self.limits.session_timeout_seconds

    @property
    def rate_limit(self) -> str | None:
        """Return the Mikrotik-Rate-Limit in force."""
        return self.limits.rate_limit

    @property
    def address_list(self) -> str | None:
        """Return the address list the customer is on."""
        return self.limits.address_list

    @property
    def session_seconds(self) -> int:
        """Return how long the session has run."""
        return self._metered().session_seconds

    @property
    def input_octets(self) -> int:
        """Return what the customer sent."""
        return self._metered().input_octets

    @property
    def output_octets(self) -> int:
        """Return what the customer received."""
        return self._metered().output_octets

    def set_traffic(self, *, up: int, down: int) -> None:
        """Set what the customer sends and receives from now on, in octets/s."""
        with self._host.lock:
            self._offered = (up, down)
            meter = self._metered()
            meter.up, meter.down = up, down
            if self._host.quirks.shapes_traffic:
                meter.up, meter.down = shaped(up, down, self.limits.rate_limit)

    def transfer(self, *, up: int = 0, down: int = 0) -> None:
        """Count octets at once."""
        with self._host.lock:
            self._metered().transfer(up, down)

    def change_limits(self, limits: Limits) -> None:
        """Put new limits in force, as a CoA does."""
        with self._host.lock:
            self.limits = limits
            up, down = self._offered
            self.set_traffic(up=up, down=down)

    def start(self, extra: Extra = ()) -> AcctDelivery:
        """Send a Start."""
        return self._report("Start", [], extra)

    def interim(self, extra: Extra = ()) -> AcctDelivery:
        """Send an Interim-Update now, also after the end if asked to."""
        with self._delivery_lock:
            return self._report("Interim-Update", self._counters(), extra)

    def stop(self, cause: str = "User-Request", extra: Extra = ()) -> AcctDelivery:
        """End the session and send its Stop; asked again, send the Stop again."""
        with self._delivery_lock:
            self.end(cause)
            return self.report_end(extra)

    def vanish(self) -> None:
        """End the session without a word, as when the power fails."""
        self.end("Lost-Service")

    def end(self, cause: str) -> bool:
        """Stop counting; return whether the session was live until now."""
        with self._host.lock:
            if not self.is_live:
                return False
            self._metered()
            self.is_live = False
            self.terminate_cause = cause
            return True

    def report_end(self, extra: Extra = ()) -> AcctDelivery:
        """Send the Stop of a session that has ended."""
        quirks = self._host.quirks
        counters = self._counters()
        if quirks.zero_stop_counters:
            counters += octet_attributes(0, 0, sends_gigawords=quirks.sends_gigawords)
            counters = list(dict(counters).items())
        cause = self.terminate_cause or "User-Request"
        return self._report("Stop", [*counters, ("Acct-Terminate-Cause", cause)], extra)

    def next_event_us(self) -> int | None:
        """Return when this session next does something of itself."""
        with self._host.lock:
            if not self.is_live:
                return None
            moments = [self._next_interim_us] if self._interim_us else []
            limit = self._next_limit()
            if limit is not None:
                moments.append(limit[0])
            return min(moments, default=None)

    def act(self, now_us: int) -> None:
        """Do what is due at the moment the clock has come to."""
        with self._delivery_lock:
            with self._host.lock:
                if not self.is_live:
                    return
                limit = self._next_limit()
                report = None
                if limit is not None and limit[0] <= now_us:
                    self.end(limit[1])
                    report = self.report_end
                elif self._interim_us and self._next_interim_us <= now_us:
                    self._next_interim_us += self._interim_us
                    report = self.interim
            if report is not None:
                report()

    def _next_limit(self) -> tuple[int, str] | None:
        if not self._host.quirks.honours_limits:
            return None
        return self._metered().next_limit(self.limits)

    def _metered(self) -> Meter:
        with self._host.lock:
            if self.is_live:
                self._meter.run_to(self._host.now_us())
            return self._meter

    def _counters(self) -> list[tuple[str, Value]]:
        quirks = self._host.quirks
        with self._host.lock:
            meter = self._metered()
            octets = (meter.input_octets, meter.output_octets)
            seconds = meter.session_seconds
        if quirks.swapped_counters:
            octets = octets[::-1]
        return [
            ("Acct-Session-Time", seconds),
            *octet_attributes(*octets, sends_gigawords=quirks.sends_gigawords),
        ]

    def _report(
        self, status: str, counters: list[tuple[str, Value]], extra: Extra
    ) -> AcctDelivery:
        attributes: list[tuple[str, Value]] = [
            ("Acct-Status-Type", status),
            ("Acct-Session-Id", self.acct_session_id),
            ("Acct-Authentic", "RADIUS"),
            *line_attributes(self._host.identity, self.line),
            ("Framed-IP-Address", self.framed_ip),
            *counters,
        ]
        event_timestamp = self._host.event_timestamp()
        if event_timestamp is not None:
            attributes.append(("Event-Timestamp", event_timestamp))
        if self._host.quirks.echoes_class:
            attributes += [("Class", value) for value in self._class_values]
        if self._host.quirks.ipv6:
            attributes += _ipv6_attributes(self.line.nas_port)
        with self._delivery_lock:
            delivery = self._host.deliver(with_extra(attributes, extra))
            self.deliveries.append(delivery)
        return delivery


def _ipv6_attributes(nas_port: int) -> list[tuple[str, Value]]:
    """Give the line a prefix of the documentation range (RFC 3849)."""
    number = nas_port & 0xFFFF
    return [
        ("Framed-Interface-Id", f"0:0:0:{number:x}"),
        ("Framed-IPv6-Prefix", f"2001:db8:0:{number:x}::/64"),
        ("Delegated-IPv6-Prefix", f"2001:db8:{0x8000 | number:x}::/48"),
    ]
