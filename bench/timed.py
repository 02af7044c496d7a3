"""Time one run, and tell our processors' work from everybody else's."""

import os
import resource
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.radclient import Sent
from billing_core.stack import Stack

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Timed:
    """One run."""

    sent: Sent
    #: Processor time of the servers (not of radclient) for each accepted request.
    cpu_us: float
    #: Share of all processors that others kept busy meanwhile.
    foreign: float


def timed(
    stack: Stack,
    server_pid: int,
    work: Callable[[], Sent],
    *,
    beside_pid: int | None = None,
) -> Timed:
    """Do it, with PostgreSQL, one server and our worker counted as ours.

    So is a child of ours that works beside it and is not waited for meanwhile.
    """
    servers_before, client_before = _servers(stack, server_pid), _client(beside_pid)
    busy_before, all_before = _machine()
    sent = work()
    servers = _servers(stack, server_pid) - servers_before
    busy, all_ = _machine()
    foreign = (busy - busy_before) - servers - (_client(beside_pid) - client_before)
    return Timed(
        sent,
        servers / max(sent.accepted, 1) * 1e6,
        max(foreign, 0.0) / max(all_ - all_before, 1e-9),
    )


def _servers(stack: Stack, server_pid: int) -> float:
    postgres, worker = stack.pid("postgres"), stack.pid("worker")
    total = _cpu_seconds(Path("/proc", str(server_pid)))
    if worker is not None:
        total += _cpu_seconds(Path("/proc", str(worker)))
    return total + (0.0 if postgres is None else _family_cpu_seconds(postgres))


def _client(beside_pid: int | None) -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    ours = resource.getrusage(resource.RUSAGE_SELF)
    beside = 0.0 if beside_pid is None else _cpu_seconds(Path("/proc", str(beside_pid)))
    return used.ru_utime + used.ru_stime + ours.ru_utime + ours.ru_stime + beside


def _family_cpu_seconds(pid: int) -> float:
    """Add up a process, its living children and those that ended."""
    total = _cpu_seconds(Path("/proc", str(pid)))
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                fields = _fields(place)
                if int(fields[1]) == pid:
                    total += _cpu_seconds(place)
            except OSError:  # it ended while we looked
                continue
    return total


def _cpu_seconds(place: Path) -> float:
    return sum(int(field) for field in _fields(place)[11:15]) / _TICKS


def _fields(place: Path) -> list[str]:
    # proc(5), after the name in parentheses: state, ppid, … utime, stime, cutime, …
    text = (place / "stat").read_text(encoding="utf-8", errors="replace")
    return text.rpartition(")")[2].split()


def _machine() -> tuple[float, float]:
    """Return the seconds that processors were busy, and all of their seconds."""
    line = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
    user, nice, system, idle, iowait, irq, softirq, steal = (
        int(field) / _TICKS for field in line.split()[1:9]
    )
    # Interrupts are our own packets more than anybody's; stolen time is another
    # machine's on the same hardware.
    busy = user + nice + system + steal
    return busy, busy + idle + iowait + irq + softirq
