"""Carry UDP datagrams between a network namespace and this machine's loopback.

The servers under test listen on loopback alone and know a NAS by the address that its
packets come from; the NAS lives in a namespace of its own.
"""

import contextlib
import functools
import selectors
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from .network import Address, open_udp_socket

_DATAGRAM_OCTETS_MAX = 4096  # RFC 2865 section 3


@dataclass(frozen=True, slots=True)
class Way:
    """One direction: what arrives at `listen` leaves for `target` as from `source`.

    Networks are names of namespaces, None for the one we are in. Answers go back the
    same way.
    """

    listen: Address
    listen_network: str | None
    target: Address
    target_network: str | None
    source: str


@dataclass(slots=True)
class _Carrier:
    """Sockets of a relay at work; a socket's registered data is what to do with it."""

    selector: selectors.BaseSelector
    opened: contextlib.ExitStack
    speakers: dict[tuple[socket.socket, Address], socket.socket] = field(
        default_factory=dict
    )

    def forward(self, listener: socket.socket, way: Way) -> None:
        """Send on what arrived, each caller through a socket of its own.

        RADIUS takes the source port for a part of a request's identity (RFC 2865
        section 3), so two ports of a caller must not become one of ours.
        """
        datagram, caller = listener.recvfrom(_DATAGRAM_OCTETS_MAX)
        speaker = self.speakers.get((listener, caller))
        if speaker is None:
            speaker = open_udp_socket((way.source, 0), way.target_network)
            self.opened.enter_context(speaker)
            speaker.connect(way.target)
            answer = functools.partial(self.answer, speaker, listener, caller)
            self.selector.register(speaker, selectors.EVENT_READ, answer)
            self.speakers[listener, caller] = speaker
        speaker.send(datagram)

    def answer(
        self, speaker: socket.socket, listener: socket.socket, caller: Address
    ) -> None:
        """Bring an answer back to who asked."""
        listener.sendto(speaker.recv(_DATAGRAM_OCTETS_MAX), caller)


@contextlib.contextmanager
def relay(*ways: Way) -> Iterator[None]:
    """Carry datagrams along these ways until the block is left."""
    with contextlib.ExitStack() as opened:
        stop_here, stop_there = map(opened.enter_context, socket.socketpair())
        selector = opened.enter_context(selectors.DefaultSelector())
        carrier = _Carrier(selector, opened)
        selector.register(stop_here, selectors.EVENT_READ)
        for way in ways:
            listener = open_udp_socket(way.listen, way.listen_network)
            opened.enter_context(listener)
            forward = functools.partial(carrier.forward, listener, way)
            selector.register(listener, selectors.EVENT_READ, forward)
        thread = threading.Thread(target=_carry, args=(selector,))
        thread.start()
        try:
            yield
        finally:
            stop_there.shutdown(socket.SHUT_RDWR)
            thread.join()


def _carry(selector: selectors.BaseSelector) -> None:
    while True:
        for key, _ in selector.select():
            if key.data is None:
                return
            # A closed port answers by ICMP, which shows up as this error; to the peer
            # it is silence, as on a wire.
            with contextlib.suppress(ConnectionRefusedError):
                key.data()
