"""The UDP sockets CoA requests leave from, with the Identifiers each can have out.

A socket is connected to one NAS port: the kernel then drops datagrams from anybody
else and reports a closed port. It has 256 Identifiers, so more requests towards one
NAS need more sockets (RFC 5176 section 2.3 allows no other way).
"""

import asyncio
import random
import socket
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from pyrad.packet import CoAPacket, PacketError

# Address and port of the NAS, and the address we send from.
ChannelKey: TypeAlias = tuple[str, int, str | None]

IDLE_SECONDS: Final = 30.0
# A NAS knows a repeat by its source port and Identifier "within a short span of
# time" (RFC 5176 section 2.3) and answers as it did before. A request that took over
# an Identifier at once would get such an answer, which then does not verify.
IDENTIFIER_REST_SECONDS: Final = 5.0
SOCKETS_PER_NAS_MAX: Final = 16
_DATAGRAMS_PER_WAKEUP_MAX: Final = 256


@dataclass(slots=True)
class PendingRequest:
    """A request on the wire and the future its verified reply goes to."""

    packet: CoAPacket
    reply_codes: tuple[int, int]
    reply: asyncio.Future[CoAPacket]


@dataclass(slots=True, eq=False)
class Channel:
    """One socket connected to one NAS port, and what it has on the wire."""

    key: ChannelKey
    socket: socket.socket
    loop: asyncio.AbstractEventLoop
    pending: dict[int, PendingRequest] = field(default_factory=dict)
    # Free Identifiers, longest unused first, each with the time it was given back.
    free: deque[tuple[float, int]] = field(default_factory=deque)
    taken_count: int = 0

    def transmit(self, datagram: bytes) -> None:
        """Send a datagram, or lose it as the network might."""
        try:
            self.socket.send(datagram)
        except ConnectionRefusedError:
            # The kernel reports here the ICMP answer to an earlier datagram, and did
            # not send this one. The report is now cleared.
            try:
                self.socket.send(datagram)
            except OSError:
                return
        except OSError:
            # No buffer, no route, a firewall's veto: the repeat may fare better.
            return

    def read_replies(self) -> None:
        """Give every waiting reply that verifies to the request it answers."""
        for _ in range(_DATAGRAMS_PER_WAKEUP_MAX):
            try:
                datagram = self.socket.recv(4096)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                # ICMP port unreachable counts as no reply: a NAS that restarts is
                # back within our repeats.
                continue
            self.accept_reply(datagram)

    def accept_reply(self, datagram: bytes) -> None:
        """Take a datagram for the reply it may be; ignore it if it does not verify."""
        pending = self.pending.get(datagram[1]) if len(datagram) > 1 else None
        if pending is None or pending.reply.done():
            return
        try:
            reply = pending.packet.CreateReply(packet=datagram)
        except PacketError:
            return
        # Verifies the Identifier, the Response Authenticator, and the
        # Message-Authenticator if there is one: few NAS put it into these replies.
        if reply.code in pending.reply_codes and pending.packet.VerifyReply(reply):
            pending.reply.set_result(reply)


class ChannelPool:
    """Open sockets on demand, share them, close the idle, and bound their number."""

    def __init__(self, sockets_max: int) -> None:
        self._sockets_max = sockets_max
        self._channels: dict[ChannelKey, list[Channel]] = {}
        self._open_count = 0
        # In the order they went idle, each with the timer that closes it.
        self._idle: dict[Channel, asyncio.TimerHandle] = {}
        self._waiters: dict[ChannelKey | None, deque[asyncio.Future[None]]] = {}
        self._closed = False

    @property
    def open_count(self) -> int:
        """Tell how many sockets are open."""
        return self._open_count

    async def take(self, key: ChannelKey) -> tuple[Channel, int]:
        """Return a socket towards the NAS and an Identifier on it, now ours.

        Nothing is awaited between finding the one and taking the other, so that a
        thousand requests leaving together do not open a socket each.
        """
        while True:
            if self._closed:
                raise RuntimeError("the CoA client is closed")
            channel = self._find(key)
            if channel is not None:
                timer = self._idle.pop(channel, None)
                if timer is not None:
                    timer.cancel()
                channel.taken_count += 1
                return channel, channel.free.popleft()[1]
            # With sockets to this NAS, all busy, one of them will free an Identifier.
            # Without, only a socket that goes idle helps, whosever it was.
            await self._wait(key if key in self._channels else None)

    def give_back(self, channel: Channel, identifier: int) -> None:
        """Free an Identifier and hand it, or the idle socket, to who waits for it."""
        channel.pending.pop(identifier, None)
        channel.free.append((time.monotonic(), identifier))
        channel.taken_count -= 1
        if self._closed:
            return
        is_idle = channel.taken_count == 0
        if is_idle:
            self._idle[channel] = channel.loop.call_later(
                IDLE_SECONDS, self._close_channel, channel
            )
        if not self._wake(channel.key) and is_idle:
            self._wake(None)

    def close(self) -> None:
        """Close all sockets; who waits for a reply or a socket gets none."""
        self._closed = True
        for channels in list(self._channels.values()):
            for channel in list(channels):
                self._close_channel(channel)
        for key in list(self._waiters):
            while self._wake(key):
                pass

    def _find(self, key: ChannelKey) -> Channel | None:
        channels = self._channels.get(key, [])
        rested_before = time.monotonic() - IDENTIFIER_REST_SECONDS
        for channel in channels:
            if channel.free and channel.free[0][0] <= rested_before:
                return channel
        if len(channels) < SOCKETS_PER_NAS_MAX and self._make_room():
            return self._open(key)
        return next((channel for channel in channels if channel.free), None)

    def _make_room(self) -> bool:
        if self._open_count < self._sockets_max:
            return True
        longest_idle = next(iter(self._idle), None)
        if longest_idle is None:
            return False
        self._close_channel(longest_idle)
        return True

    def _open(self, key: ChannelKey) -> Channel:
        address, port, source_address = key
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            if source_address is not None:
                sock.bind((source_address, 0))
            sock.connect((address, port))
        except OSError:
            sock.close()
            raise
        channel = Channel(key, sock, asyncio.get_running_loop())
        # A restarted client begins elsewhere, should it get the same port again.
        first = random.randrange(256)
        never = float("-inf")
        channel.free.extend((never, (first + i) % 256) for i in range(256))
        channel.loop.add_reader(sock, channel.read_replies)
        self._channels.setdefault(key, []).append(channel)
        self._open_count += 1
        return channel

    def _close_channel(self, channel: Channel) -> None:
        timer = self._idle.pop(channel, None)
        if timer is not None:
            timer.cancel()
        siblings = self._channels[channel.key]
        siblings.remove(channel)
        if not siblings:
            del self._channels[channel.key]
        self._open_count -= 1
        channel.loop.remove_reader(channel.socket)
        channel.socket.close()
        for pending in channel.pending.values():
            pending.reply.cancel()

    async def _wait(self, key: ChannelKey | None) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(key, deque()).append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            # Woken and cancelled in the same turn: the turn is another's.
            if waiter.done() and not waiter.cancelled():
                self._wake(key)
            raise

    def _wake(self, key: ChannelKey | None) -> bool:
        waiters = self._waiters.get(key, deque())
        while waiters:
            waiter = waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return True
        self._waiters.pop(key, None)
        return False
