"""Find free ports, keep them from start to start, and say who has a taken one."""

import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from billing_core.stack.errors import StackError

#: Below the kernel's range for outgoing connections: nothing takes them by chance.
SEARCHED_PORTS = range(20_000, 32_000)
TRIES_MAX = 200


@dataclass(frozen=True, slots=True)
class Service:
    """Something that listens: its name in state.json and how a person calls it."""

    key: str
    title: str
    kind: socket.SocketKind
    #: The port that others expect it on.
    usual_port: int


SERVICES = (
    Service("postgres", "PostgreSQL", socket.SOCK_STREAM, 54_320),
    Service("auth", "RADIUS authentication", socket.SOCK_DGRAM, 1812),
    Service("acct", "RADIUS accounting", socket.SOCK_DGRAM, 1813),
    Service("web", "web pages", socket.SOCK_STREAM, 8080),
)


def choose_ports(
    fixed: Mapping[str, int],
    recorded: Mapping[str, int],
    address: str,
    *,
    usual: bool,
) -> tuple[dict[str, int], list[str]]:
    """Choose a port for every service: (ports, what a person should know).

    A fixed port that is taken is an error; a recorded or usual one gives way.
    """
    ports: dict[str, int] = {}
    notes: list[str] = []
    for service in SERVICES:
        used = {
            ports[s.key] for s in SERVICES if s.key in ports and s.kind is service.kind
        }
        ports[service.key] = _choose(
            service, fixed, recorded, address, usual, used, notes
        )
    return ports, notes


def _choose(
    service: Service,
    fixed: Mapping[str, int],
    recorded: Mapping[str, int],
    address: str,
    usual: bool,
    used: set[int],
    notes: list[str],
) -> int:
    listen = address if service.kind is socket.SOCK_DGRAM else "127.0.0.1"
    if service.key in fixed:
        port = fixed[service.key]
        if port in used or not is_free(port, service.kind, listen):
            raise StackError(
                f"Port {port} ({service.title}) is taken{_by_whom(port, service)}.",
                f"Stop that program, or leave out --{service.key}-port: "
                "a free port is found then.",
            )
        return port
    if service.key in recorded:
        port = recorded[service.key]
        if port not in used and is_free(port, service.kind, listen):
            return port
        new = _search(service.kind, listen, used)
        notes.append(
            f"Port {port} ({service.title}), used until now, is "
            f"taken{_by_whom(port, service)}: using {new} instead."
        )
        return new
    if usual and is_free(service.usual_port, service.kind, listen):
        return service.usual_port
    return _search(service.kind, listen, used)


def _search(kind: socket.SocketKind, address: str, used: set[int]) -> int:
    for _ in range(TRIES_MAX):
        port = secrets.choice(SEARCHED_PORTS)
        if port not in used and is_free(port, kind, address):
            return port
    raise StackError(
        f"No free port was found in {TRIES_MAX} tries on {address}.",
        "Is that an address of this machine? `ip address` lists them.",
    )


def is_free(port: int, kind: socket.SocketKind, address: str) -> bool:
    """Tell whether a server could listen on a port now."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, kind) as probe:
        if kind is socket.SOCK_STREAM:
            # As the servers do: a connection of the last run may linger (TIME_WAIT).
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            if kind is socket.SOCK_STREAM:
                probe.listen(1)
        except OSError:
            return False
    return True


def _by_whom(port: int, service: Service) -> str:
    owner = port_owner(port, service.kind)
    return f" by {owner}" if owner else ""


def port_owner(port: int, kind: socket.SocketKind) -> str | None:
    """Name the process that listens on a port, as far as we may see it."""
    inodes = _listening_inodes(port, "udp" if kind is socket.SOCK_DGRAM else "tcp")
    if not inodes:
        return None
    for process in Path("/proc").glob("[0-9]*"):
        try:
            for handle in (process / "fd").iterdir():
                if os.readlink(handle) in inodes:
                    name = (process / "comm").read_text(encoding="utf-8").strip()
                    return f"{name} (pid {process.name})"
        except OSError:  # it ended meanwhile, or is not ours to see
            continue
    return None


def _listening_inodes(port: int, protocol: str) -> set[str]:
    found = set()
    for table in (f"/proc/net/{protocol}", f"/proc/net/{protocol}6"):
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            is_listening = protocol == "udp" or fields[3] == "0A"
            if is_listening and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(f"socket:[{fields[9]}]")
    return found
