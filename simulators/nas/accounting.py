"""Get accounting packets to the server through whatever weather there is."""

import os
import random
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from pyrad.packet import AccountingRequest, AcctPacket, Packet

from radius_module.dictionary import radius_dictionary
from simulators.nas.attributes import Value, fill
from simulators.nas.options import Retry, Weather
from simulators.nas.wire import Address, ask, open_socket, verified_reply

_GIGAWORD = 1 << 32


@dataclass(frozen=True, slots=True)
class AcctDelivery:
    """What became of an accounting packet.

    `held` waits to arrive after the next one, `lost` never arrives.
    """

    status: str
    acknowledged: bool
    attempts: int
    held: bool = False
    lost: bool = False


@dataclass(frozen=True, slots=True)
class AcctServer:
    """The server to report to, from where, and how."""

    source: str
    server: Address
    secret: bytes = field(repr=False)
    retry: Retry
    weather: Weather


class AcctSender:
    """Deliver packets, repeating each until it is acknowledged; safe from threads."""

    def __init__(self, asked: AcctServer) -> None:
        self._asked = asked
        self._random = random.Random(asked.weather.seed)
        self._lock = threading.Lock()
        self._held: list[Sequence[tuple[str, Value]]] = []
        self._given_up = threading.Event()

    def deliver(
        self, attributes: Sequence[tuple[str, Value]], *, can_be_held: bool = True
    ) -> AcctDelivery:
        """Send one packet and what was held back before it."""
        status = str(dict(attributes).get("Acct-Status-Type", ""))
        weather = self._asked.weather
        if self._happens(weather.event_loss):
            return AcctDelivery(status, acknowledged=False, attempts=0, lost=True)
        if can_be_held and self._happens(weather.reordering):
            with self._lock:
                self._held.append(attributes)
            return AcctDelivery(status, acknowledged=False, attempts=0, held=True)
        attempts, acknowledged = self._deliver_now(attributes)
        self.release_held()
        return AcctDelivery(status, acknowledged, attempts)

    def release_held(self) -> None:
        """Send what the weather held back."""
        with self._lock:
            held, self._held = self._held, []
        for attributes in held:
            self._deliver_now(attributes)

    def give_up(self) -> None:
        """Stop repeating: the NAS is switched off."""
        self._given_up.set()

    def _deliver_now(self, attributes: Sequence[tuple[str, Value]]) -> tuple[int, bool]:
        """Transmit until acknowledged; return the attempts, and if it came to that."""
        retry, weather = self._asked.retry, self._asked.weather
        happened = time.monotonic()
        packet = self._packet(attributes, 0)
        with open_socket(self._asked.source, self._asked.server) as sock:
            for attempt in range(1, retry.attempts + 1):
                if attempt > 1 and retry.fresh_id:
                    delay_seconds = int(time.monotonic() - happened)
                    packet = self._packet(attributes, delay_seconds)
                if self._given_up.is_set():
                    return attempt - 1, False
                if self._happens(weather.transmission_loss):
                    # Nothing will answer; do not wait for it.
                    continue
                reply = self._ask(sock, packet)
                if reply is None or self._happens(weather.response_loss):
                    continue
                if self._happens(weather.duplication):
                    self._ask(sock, packet)
                return attempt, True
        return retry.attempts, False

    def _ask(self, sock: socket.socket, packet: AcctPacket) -> Packet | None:
        return ask(
            sock,
            packet.RequestPacket(),
            lambda answer: verified_reply(
                packet, answer, requires_message_authenticator=False
            ),
            self._asked.retry.timeout_seconds,
        )

    def _packet(
        self, attributes: Sequence[tuple[str, Value]], delay_seconds: int
    ) -> AcctPacket:
        """Make a packet under a new Identifier (RFC 2866 section 3)."""
        packet = AcctPacket(
            AccountingRequest,
            os.urandom(1)[0],
            self._asked.secret,
            dict=radius_dictionary(),
        )
        fill(packet, attributes)
        if "Acct-Delay-Time" not in packet:
            packet["Acct-Delay-Time"] = delay_seconds
        return packet

    def _happens(self, probability: float) -> bool:
        with self._lock:
            return probability > 0 and self._random.random() < probability


def octet_attributes(
    input_octets: int, output_octets: int, *, sends_gigawords: bool
) -> list[tuple[str, Value]]:
    """Write 64-bit counters; without Gigawords they wrap every 4 GiB.

    Gigawords belong in Interim-Update and Stop only (RFC 2869 sections 5.1 and 5.2).
    """
    attributes: list[tuple[str, Value]] = [
        ("Acct-Input-Octets", input_octets % _GIGAWORD),
        ("Acct-Output-Octets", output_octets % _GIGAWORD),
        ("Acct-Input-Packets", -(-input_octets // 1000) % _GIGAWORD),
        ("Acct-Output-Packets", -(-output_octets // 1000) % _GIGAWORD),
    ]
    if sends_gigawords:
        attributes += [
            ("Acct-Input-Gigawords", input_octets // _GIGAWORD),
            ("Acct-Output-Gigawords", output_octets // _GIGAWORD),
        ]
    return attributes
