"""Make network namespaces, and ways between them and loopback for RADIUS datagrams.

Nothing is added to the machine's own network: what the tests send goes over its
loopback or stays in a namespace made here.
"""

import contextlib
import ctypes
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

Address = tuple[str, int]

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def run(*command: str) -> str:
    """Run a program to its end and return what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr or done.stdout}")
    return done.stdout


@contextlib.contextmanager
def namespace(kind: str) -> Iterator[str]:
    """Make a network namespace; removing it removes every link it holds."""
    name = f"khata-{kind}-{os.getpid()}"
    _remove_left_over(kind)
    run("ip", "netns", "add", name)
    try:
        run("ip", "-n", name, "link", "set", "lo", "up")
        yield name
    finally:
        run("ip", "netns", "delete", name)


def _remove_left_over(kind: str) -> None:
    """Remove the namespaces of test runs that were killed."""
    for left in Path("/run/netns").glob(f"khata-{kind}-*"):
        if not Path("/proc", left.name.rpartition("-")[2]).exists():
            run("ip", "netns", "delete", left.name)


def open_udp_socket(address: Address, network: str | None = None) -> socket.socket:
    """Open a bound UDP socket in a namespace, or in our own network for None.

    A socket stays in the namespace where it was opened, whoever uses it.
    """
    with _inside(network):
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        opened.bind(address)
    except OSError:
        opened.close()
        raise
    return opened


def free_udp_port(address: str) -> int:
    """Return a UDP port of a loopback address that nobody listens on."""
    with open_udp_socket((address, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def _inside(network: str | None) -> Iterator[None]:
    """Move the calling thread into a namespace for a while."""
    if network is None:
        yield
        return
    with (
        open("/proc/thread-self/ns/net", "rb") as here,
        open(f"/run/netns/{network}", "rb") as there,
    ):
        _enter(there.fileno())
        try:
            yield
        finally:
            _enter(here.fileno())


def _enter(descriptor: int) -> None:
    # os.setns exists from Python 3.12 on.
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
