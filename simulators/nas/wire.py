"""One request and its answer over UDP, from an address of the NAS's own."""

import socket
import time
from collections.abc import Callable

from pyrad.packet import Packet, PacketError

Address = tuple[str, int]


def open_socket(source: str, server: Address) -> socket.socket:
    """Open a socket from the NAS to the server; replies from elsewhere never arrive."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.bind((source, 0))
        sock.connect(server)
    except OSError:
        sock.close()
        raise
    return sock


def ask(
    sock: socket.socket,
    datagram: bytes,
    read: Callable[[bytes], Packet | None],
    timeout_seconds: float,
) -> Packet | None:
    """Send a datagram and return the first answer `read` takes, or None in time."""
    deadline = time.monotonic() + timeout_seconds
    _send(sock, datagram)
    while (left := deadline - time.monotonic()) > 0:
        sock.settimeout(left)
        try:
            answer = sock.recv(4096)
        except TimeoutError:
            return None
        except OSError:
            # Nobody listens there now; a NAS waits out its time and asks again.
            time.sleep(max(0.0, deadline - time.monotonic()))
            return None
        reply = read(answer)
        if reply is not None:
            return reply
    return None


def verified_reply(
    request: Packet, answer: bytes, *, requires_message_authenticator: bool
) -> Packet | None:
    """Decode an answer and return it if it is the server's own, else None."""
    try:
        reply = request.CreateReply(packet=answer)
    except PacketError:
        return None
    reply.request_authenticator = request.authenticator
    is_genuine = request.VerifyReply(reply, enforce_ma=requires_message_authenticator)
    return reply if is_genuine else None


def _send(sock: socket.socket, datagram: bytes) -> None:
    try:
        sock.send(datagram)
    except ConnectionRefusedError:
        # The kernel tells so of an earlier datagram, and has not sent this one.
        sock.send(datagram)
