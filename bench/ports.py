"""Find free ports on loopback."""

import contextlib
import socket


def free_udp_ports(count: int) -> list[int]:
    """Return so many UDP ports that nobody listens on."""
    with contextlib.ExitStack() as opened:
        ports = []
        for _ in range(count):
            channel = opened.enter_context(
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            )
            channel.bind(("127.0.0.1", 0))
            ports.append(channel.getsockname()[1])
        return ports
