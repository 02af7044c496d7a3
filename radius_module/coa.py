"""Send CoA and Disconnect requests to many NAS at once and tell how each was answered.

RFC 5176 over asyncio. pyrad encodes, decodes and verifies the packets; the sockets
are our own, since pyrad's client keeps one request on the wire at a time and a dead
NAS must not delay the living ones.
"""

import asyncio
import ipaddress
import logging
import random
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Final, Literal, Self

from pyrad.packet import CoAPacket

from radius_module.coa_sockets import Channel, ChannelPool, PendingRequest
from radius_module.dictionary import add_attribute, radius_dictionary, raw_values

log = logging.getLogger(__name__)

# RFC 5176 section 3.5.
ERROR_CAUSES: Final[dict[int, str]] = {
    201: "Residual-Context-Removed",
    202: "Invalid-EAP-Packet",
    401: "Unsupported-Attribute",
    402: "Missing-Attribute",
    403: "NAS-Identification-Mismatch",
    404: "Invalid-Request",
    405: "Unsupported-Service",
    406: "Unsupported-Extension",
    407: "Invalid-Attribute-Value",
    501: "Administratively-Prohibited",
    502: "Proxy-Request-Not-Routable",
    503: "Session-Context-Not-Found",
    504: "Session-Context-Not-Removable",
    505: "Proxy-Processing-Error",
    506: "Resources-Unavailable",
    507: "Request-Initiated",
    508: "Multiple-Session-Selection-Unsupported",
}
SESSION_CONTEXT_NOT_FOUND: Final = 503
RESOURCES_UNAVAILABLE: Final = 506

# Request, ACK and NAK codes (RFC 5176 section 2).
_CODES: Final = {"disconnect": (40, 41, 42), "coa": (43, 44, 45)}
_PACKET_OCTETS_MAX: Final = 4096  # RFC 2865 section 3
# RFC 5080 section 2.2.1: each timeout is off by up to a tenth, so that requests
# which left together are not repeated together.
_JITTER: Final = 0.1


class CoaRequestError(ValueError):
    """Raised when a request cannot be written as a packet; nothing was sent."""


@dataclass(frozen=True, slots=True)
class CoaTarget:
    """Where a NAS listens and what it expects of a request."""

    address: str
    port: int
    secret: bytes = field(repr=False)
    event_timestamp: bool = True
    message_authenticator: bool = True
    source_address: str | None = None


@dataclass(frozen=True, slots=True)
class CoaRequest:
    """What to ask of the NAS, in attributes the caller has chosen."""

    kind: Literal["disconnect", "coa"]
    attributes: tuple[tuple[str, str | int | bytes], ...]


class CoaOutcome(StrEnum):
    """How a request ended."""

    ACK = "ACK"
    NAK = "NAK"
    TIMEOUT = "TIMEOUT"


@dataclass(frozen=True, slots=True)
class CoaResult:
    """How a request ended, after how many transmissions and how much time.

    `round_trip_seconds` runs from the first transmission: a repeat carries the same
    bytes, so which one was answered cannot be told. No attempt at all means that no
    socket could be opened towards the NAS.
    """

    outcome: CoaOutcome
    error_cause: int | None
    attempts: int
    round_trip_seconds: float | None


def is_retryable(result: CoaResult) -> bool:
    """Say whether the same request may succeed later without anyone's help.

    Silence, a NAK without a cause and a NAS short of resources pass; every other
    cause is a matter of configuration, or says that the session is already gone.
    """
    if result.outcome is CoaOutcome.TIMEOUT:
        return True
    return result.outcome is CoaOutcome.NAK and result.error_cause in (
        None,
        RESOURCES_UNAVAILABLE,
    )


def is_session_gone(result: CoaResult) -> bool:
    """Say whether a NAK means that the NAS has no such session any more."""
    return (
        result.outcome is CoaOutcome.NAK
        and result.error_cause == SESSION_CONTEXT_NOT_FOUND
    )


class CoaClient:
    """Send requests from one event loop, however many NAS do not answer.

    Requests towards one NAS share a socket of 256 Identifiers; when those are out,
    another socket opens. Idle sockets close. At most `sockets_max` are open at a time
    (half of what the process may open by default), and what is beyond waits.
    """

    def __init__(
        self,
        *,
        attempts: int = 3,
        first_timeout_seconds: float = 1.0,
        sockets_max: int | None = None,
    ) -> None:
        if attempts < 1 or first_timeout_seconds <= 0:
            raise ValueError("attempts and first_timeout_seconds must be positive")
        self._attempts = attempts
        self._first_timeout_seconds = first_timeout_seconds
        self._pool = ChannelPool(sockets_max or _sockets_max_of_process())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every socket; requests still on the wire end as TIMEOUT."""
        self._pool.close()

    async def send(
        self,
        target: CoaTarget,
        request: CoaRequest,
        *,
        now: Callable[[], float] = time.time,
    ) -> CoaResult:
        """Send one request, repeat it until it is answered or given up, and report.

        Raise CoaRequestError when the request cannot be written; never for a NAS that
        is silent, unreachable or answers nonsense.
        """
        packet = _build_packet(target, request, now)
        try:
            channel, identifier = await self._pool.take(
                (target.address, target.port, target.source_address)
            )
        except OSError as error:
            log.warning(
                "coa.socket_failed",
                extra={"nas": target.address, "source": target.source_address},
                exc_info=error,
            )
            return CoaResult(CoaOutcome.TIMEOUT, None, 0, None)
        try:
            packet.id = identifier
            return await self._exchange(channel, packet, _CODES[request.kind])
        finally:
            self._pool.give_back(channel, identifier)

    async def _exchange(
        self, channel: Channel, packet: CoAPacket, codes: tuple[int, int, int]
    ) -> CoaResult:
        """Transmit the same bytes until a verified reply comes or attempts run out.

        The Event-Timestamp stays as it was, so the Identifier may (RFC 5176 section
        6.3): a NAS that acted on a lost request's twin then repeats its answer.
        """
        loop = asyncio.get_running_loop()
        datagram = _encode(packet)
        reply: asyncio.Future[CoAPacket] = loop.create_future()
        channel.pending[packet.id] = PendingRequest(packet, codes[1:], reply)
        timeout = self._first_timeout_seconds
        started = loop.time()
        attempt = 0
        while attempt < self._attempts and not reply.done():
            attempt += 1
            channel.transmit(datagram)
            jitter = 1 + random.uniform(-_JITTER, _JITTER)
            await asyncio.wait({reply}, timeout=timeout * jitter)
            timeout *= 2
        if not reply.done() or reply.cancelled():
            return CoaResult(CoaOutcome.TIMEOUT, None, attempt, None)
        code = reply.result().code
        return CoaResult(
            CoaOutcome.ACK if code == codes[1] else CoaOutcome.NAK,
            _error_cause(reply.result()),
            attempt,
            loop.time() - started,
        )


def _build_packet(
    target: CoaTarget, request: CoaRequest, now: Callable[[], float]
) -> CoAPacket:
    """Make the packet but for its Identifier, which the socket decides."""
    for address in filter(None, (target.address, target.source_address)):
        try:
            ipaddress.ip_address(address)
        except ValueError as error:
            raise CoaRequestError(f"not an IP address: {address!r}") from error
    if not 0 < target.port < 65536:
        raise CoaRequestError(f"not a UDP port: {target.port}")
    packet = CoAPacket(
        _CODES[request.kind][0], 0, target.secret, dict=radius_dictionary()
    )
    for name, value in request.attributes:
        try:
            add_attribute(packet, name, value)
        except KeyError as error:
            raise CoaRequestError(f"unknown attribute: {name}") from error
        except (ValueError, TypeError) as error:
            raise CoaRequestError(f"{name} cannot be {value!r}: {error}") from error
    if target.event_timestamp and "Event-Timestamp" not in packet:
        packet["Event-Timestamp"] = int(now())
    packet.message_authenticator = target.message_authenticator
    return packet


def _encode(packet: CoAPacket) -> bytes:
    try:
        datagram: bytes = packet.RequestPacket()
    except ValueError as error:
        raise CoaRequestError(str(error)) from error
    if len(datagram) > _PACKET_OCTETS_MAX:
        raise CoaRequestError(f"a packet of {len(datagram)} octets is too long")
    return datagram


def _error_cause(reply: CoAPacket) -> int | None:
    causes = raw_values(reply, "Error-Cause")
    if not causes or len(causes[0]) != 4:
        return None
    return int.from_bytes(causes[0])


def _sockets_max_of_process() -> int:
    """Leave half of the process's file descriptors to everything else."""
    soft_limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft_limit == resource.RLIM_INFINITY:
        return 1024
    return max(8, min(1024, soft_limit // 2))
