"""Run Debian's pppoe-server and pppd in User-Mode Linux: a PPPoE NAS as ISPs have it.

PPP needs kernel modules that the test machine may not have; User-Mode Linux is a
kernel that runs as an ordinary program and brings its own. It lives in a network
namespace of its own, and its RADIUS packets reach us from `ADDRESS` on loopback.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .network import namespace, run
from .relay import Way, relay

PROGRAMS = ("ip", "linux.uml", "insmod", "pppd", "pppoe-server", "pppoe")
ADDRESS = "127.0.0.70"
LINES = 3
# Both exist only inside the namespace.
_HOST_END, _GUEST_END = "10.99.0.1", "10.99.0.2"
_INIT = Path(__file__).with_name("uml_init.sh")


@dataclass(slots=True)
class Concentrator:
    """The access concentrator in the running machine, and its customers' lines."""

    to_guest: int
    from_guest: int
    _received: bytes = field(default=b"")

    def ask(self, do: str, *, seconds: float = 40, **arguments: Any) -> dict[str, Any]:
        """Have the guest do something and return its answer."""
        os.write(self.to_guest, json.dumps({"do": do, **arguments}).encode() + b"\n")
        answer = self.read_answer(seconds)
        if "failed" in answer:
            raise RuntimeError(f"{do} inside the guest: {answer['failed']}")
        return answer

    def dial(self, line: int, username: str, password: str) -> None:
        """Start the PPPoE client at the end of a line."""
        self.ask("dial", line=line, username=username, password=password)

    def address(self, line: int) -> str | None:
        """Return the address of a line's link once it is up."""
        address: str | None = self.ask("status", line=line)["address"]
        return address

    def exit_code(self, line: int) -> int | None:
        """Return how a line's client ended, None while it runs."""
        exit_code: int | None = self.ask("status", line=line)["exit_code"]
        return exit_code

    def client_log(self, line: int) -> str:
        """Return what a line's client has said."""
        return str(self.ask("status", line=line)["log"])

    def download(self, line: int, octets: int) -> None:
        """Fetch octets over a line."""
        fetched = self.ask("download", line=line, octets=octets)
        if fetched["octets"] != octets:
            raise RuntimeError(f"fetched {fetched['octets']}: {fetched['error']}")

    def hang_up(self, line: int) -> None:
        """End a line's client orderly, if there is one."""
        self.ask("hang_up", line=line)

    def read_answer(self, seconds: float) -> dict[str, Any]:
        """Return the next line of the guest."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self._received:
            left = max(0, deadline - time.monotonic())
            if not select.select([self.from_guest], [], [], left)[0]:
                raise TimeoutError(f"the guest said nothing for {seconds:g} s")
            chunk = os.read(self.from_guest, 65536)
            if not chunk:
                raise EOFError("the guest is gone")
            self._received += chunk
        line, _, self._received = self._received.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextlib.contextmanager
def pppoe_concentrator(
    directory: Path, *, secret: str, auth_port: int, acct_port: int
) -> Iterator[Concentrator]:
    """Run the machine against RADIUS servers on loopback until the block is left."""
    with (
        _network() as name,
        relay(
            Way((_HOST_END, 1812), name, ("127.0.0.1", auth_port), None, ADDRESS),
            Way((_HOST_END, 1813), name, ("127.0.0.1", acct_port), None, ADDRESS),
        ),
        _machine(name, directory) as concentrator,
    ):
        concentrator.ask(
            "start",
            device="vec0",
            address=f"{_GUEST_END}/24",
            server=_HOST_END,
            secret=secret,
            nas_address=ADDRESS,
        )
        try:
            yield concentrator
        finally:
            _keep_logs(concentrator, directory)


@contextlib.contextmanager
def _network() -> Iterator[str]:
    with namespace("bras") as name:
        run("ip", "-n", name, "tuntap", "add", "tap0", "mode", "tap")
        run("ip", "-n", name, "address", "add", f"{_HOST_END}/24", "dev", "tap0")
        run("ip", "-n", name, "link", "set", "tap0", "up")
        yield name


@contextlib.contextmanager
def _machine(name: str, directory: Path) -> Iterator[Concentrator]:
    guest_in, to_guest = os.pipe()
    from_guest, guest_out = os.pipe()
    with contextlib.ExitStack() as opened:
        opened.callback(os.close, to_guest)
        opened.callback(os.close, from_guest)
        console = opened.enter_context((directory / "console.log").open("wb"))
        process = subprocess.Popen(
            (
                *("ip", "netns", "exec", name, "linux.uml", "mem=192M"),
                *("rootfstype=hostfs", "rootflags=/", "ro", f"init={_INIT}"),
                "vec0:transport=tap,ifname=tap0",
                *("con=null", f"ssl0=fd:{guest_in},fd:{guest_out}"),
            ),
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            pass_fds=(guest_in, guest_out),
            # It has children of its own: a group to end them with it.
            start_new_session=True,
        )
        os.close(guest_in)
        os.close(guest_out)
        concentrator = Concentrator(to_guest, from_guest)
        try:
            concentrator.read_answer(seconds=30)
            yield concentrator
        finally:
            _stop(process, concentrator)


def _stop(process: subprocess.Popen[bytes], concentrator: Concentrator) -> None:
    with contextlib.suppress(OSError):
        os.write(concentrator.to_guest, b'{"do": "power_off"}\n')
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _keep_logs(concentrator: Concentrator, directory: Path) -> None:
    for log, text in concentrator.ask("logs").items():
        (directory / log).write_text(text)
