"""Listen for CoA and Disconnect requests as a NAS does, and write down what came."""

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from pyrad.packet import (
    CoAACK,
    CoANAK,
    CoAPacket,
    CoARequest,
    DisconnectACK,
    DisconnectNAK,
    DisconnectRequest,
    PacketError,
)

from radius_module.dictionary import radius_dictionary
from simulators.nas.attributes import read_attributes
from simulators.nas.coa_rules import Attributes, Kind
from simulators.nas.options import CoaBehaviour

log = logging.getLogger(__name__)

_KINDS: Final[dict[int, Kind]] = {DisconnectRequest: "disconnect", CoARequest: "coa"}
_ACK: Final = {"disconnect": DisconnectACK, "coa": CoAACK}
_NAK: Final = {"disconnect": DisconnectNAK, "coa": CoANAK}
_ANSWERS_KEPT_MAX: Final = 4096

Answer = Literal["ACK", "NAK"]
Peer = tuple[str, int]


@dataclass(frozen=True, slots=True)
class CoaReceived:
    """A request as it came, and what the NAS made of it.

    `received_at` is the real time; `answer` is None when the NAS stayed silent.
    """

    received_at: float
    kind: Kind
    source: Peer
    identifier: int
    attributes: Attributes
    answer: Answer | None
    error_cause: int | None = None
    is_duplicate: bool = False
    ignored_because: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """An answer, and what to do once it has left."""

    answer: Answer
    error_cause: int | None
    afterwards: Callable[[], None] | None = None


class CoaServer:
    """A thread that answers on one UDP socket, by what `decide` says."""

    def __init__(
        self,
        address: str,
        port: int,
        secret: bytes,
        *,
        behaviour: Callable[[], CoaBehaviour],
        decide: Callable[[Kind, Attributes], Decision],
        now: Callable[[], float] = time.time,
    ) -> None:
        self.received: list[CoaReceived] = []
        self._secret = secret
        self._behaviour = behaviour
        self._decide = decide
        self._now = now
        # Answers by what makes a request a repeat, so that one is acted on once.
        self._answered: dict[tuple[Peer, bytes], bytes] = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.bind((address, port))
        except OSError:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        self._closing = threading.Event()
        self._thread = threading.Thread(
            target=self._serve, name=f"simulated-nas-coa-{address}", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._closing.set()
        # Closing a socket does not wake a thread that waits on it; shutdown does,
        # with an error on an unconnected socket that means nothing here.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while not self._closing.is_set():
            try:
                datagram, peer = self._socket.recvfrom(4096)
            except OSError:
                continue
            if datagram and not self._closing.is_set():
                self._handle(datagram, peer)

    def _handle(self, datagram: bytes, peer: Peer) -> None:
        received_at = time.time()
        try:
            request = CoAPacket(
                secret=self._secret, dict=radius_dictionary(), packet=datagram
            )
        except PacketError as error:
            log.info("coa.undecodable", extra={"reason": str(error)})
            return
        kind = _KINDS.get(request.code)
        if kind is None:
            return
        attributes = read_attributes(request)

        def note(
            answer: Answer | None,
            error_cause: int | None = None,
            *,
            is_duplicate: bool = False,
            ignored_because: str | None = None,
        ) -> None:
            self.received.append(
                CoaReceived(
                    received_at,
                    kind,
                    peer,
                    request.id,
                    attributes,
                    answer,
                    error_cause,
                    is_duplicate,
                    ignored_because,
                )
            )

        ignored_because = self._ignored_because(request, attributes)
        if ignored_because is not None:
            note(None, ignored_because=ignored_because)
            return
        key = (peer, datagram[:20])
        if key in self._answered:
            answered = self._answered[key]
            is_ack = answered[0] == _ACK[kind]
            note("ACK" if is_ack else "NAK", is_duplicate=True)
            self._send_later(answered, peer, None)
            return
        if self._behaviour().answer == "silent":
            note(None, ignored_because="told to be silent")
            return
        decision = self._decide(kind, attributes)
        reply = self._encode(request, kind, decision)
        self._answered[key] = reply
        if len(self._answered) > _ANSWERS_KEPT_MAX:
            del self._answered[next(iter(self._answered))]
        note(decision.answer, decision.error_cause)
        self._send_later(reply, peer, decision.afterwards)

    def _ignored_because(
        self, request: CoAPacket, attributes: Attributes
    ) -> str | None:
        """Say why a request gets no answer at all (RFC 5176 sections 3 and 6.3)."""
        if not request.VerifyCoARequest():
            return "bad Request Authenticator"
        if request.message_authenticator and not request.verify_message_authenticator():
            return "bad Message-Authenticator"
        window = self._behaviour().event_timestamp_window_seconds
        if window is None:
            return None
        sent_at = next(iter(attributes.get("Event-Timestamp", ())), None)
        if not isinstance(sent_at, int):
            return "no Event-Timestamp"
        if abs(self._now() - sent_at) > window:
            return "Event-Timestamp outside the window"
        return None

    def _encode(self, request: CoAPacket, kind: Kind, decision: Decision) -> bytes:
        reply = request.CreateReply()
        is_ack = decision.answer == "ACK"
        reply.code = _ACK[kind] if is_ack else _NAK[kind]
        if decision.error_cause is not None:
            reply["Error-Cause"] = decision.error_cause
        reply.message_authenticator = bool(request.message_authenticator)
        datagram: bytes = reply.ReplyPacket()
        return datagram

    def _send_later(
        self, datagram: bytes, peer: Peer, afterwards: Callable[[], None] | None
    ) -> None:
        def send() -> None:
            try:
                self._socket.sendto(datagram, peer)
            except OSError as error:
                # Switched off meanwhile, or no way back.
                log.info("coa.reply_failed", extra={"reason": str(error)})
            if afterwards is not None:
                afterwards()

        delay_seconds = self._behaviour().delay_seconds
        if delay_seconds > 0:
            timer = threading.Timer(delay_seconds, send)
            timer.daemon = True
            timer.start()
        else:
            send()
