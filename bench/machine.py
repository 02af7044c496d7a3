"""Say what machine this is, and whether anybody else is using it."""

import os
import platform
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

#: More than this share of the processors busy with others' work: no verdict.
FOREIGN_BUSY_MAX = 0.10


@dataclass(frozen=True, slots=True)
class Quiet:
    """How busy others kept the machine during our runs."""

    samples: tuple[float, ...]

    @property
    def worst(self) -> float:
        """The busiest moment, as a share of all processors."""
        return max(self.samples, default=0.0)

    @property
    def typical(self) -> float:
        """The median."""
        ordered = sorted(self.samples)
        return ordered[len(ordered) // 2] if ordered else 0.0

    @property
    def allows_a_verdict(self) -> bool:
        """Tell whether the figures are ours."""
        return self.typical <= FOREIGN_BUSY_MAX


def foreign_busy(seconds: float = 0.5) -> float:
    """Return the share of the processors that is busy while we wait."""
    before = _jiffies()
    time.sleep(seconds)
    after = _jiffies()
    total = sum(after) - sum(before)
    # user nice system idle iowait …: the last two are nobody's work.
    idle = after[3] + after[4] - before[3] - before[4]
    return 1 - idle / total if total else 0.0


def wait_until_calm(seconds_max: float) -> None:
    """Wait for what our own loading left behind: checkpoints, vacuum."""
    end = time.monotonic() + seconds_max
    while foreign_busy(1.0) > FOREIGN_BUSY_MAX and time.monotonic() < end:
        pass


def facts(
    database_settings: dict[str, str], measured_commit: str
) -> list[tuple[str, str]]:
    """Describe the machine and the programs, for the record."""
    settings = ", ".join(f"{name} {value}" for name, value in database_settings.items())
    return [
        ("processors", f"{os.cpu_count()} x {_processor()}"),
        ("memory", f"{_memory_gb():.0f} GB"),
        ("system", f"{_release()}, Linux {platform.release()}"),
        ("FreeRADIUS", _package("freeradius")),
        ("PostgreSQL", _package("postgresql-15")),
        ("PostgreSQL settings", settings),
        ("Python", platform.python_version()),
        ("commit", measured_commit),
        ("load average at the end", " ".join(f"{x:.2f}" for x in os.getloadavg())),
    ]


def _jiffies() -> list[int]:
    line = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
    return [int(field) for field in line.split()[1:9]]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def _release() -> str:
    return platform.freedesktop_os_release()["PRETTY_NAME"]


def _package(name: str) -> str:
    query = ["dpkg-query", "-W", "-f", "${Version}", name]
    return subprocess.run(query, capture_output=True, text=True, check=False).stdout


def commit() -> str:
    """Name the commit that is measured; "-dirty" when the tree differs from it."""
    place = Path(__file__).parent
    short = ["git", "-C", str(place), "describe", "--always", "--dirty"]
    return subprocess.run(
        short, capture_output=True, text=True, check=False
    ).stdout.strip()


def resident_kb(pid: int) -> int:
    """Return the resident memory of a process in kB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise ProcessLookupError(pid)
