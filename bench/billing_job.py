"""One run of the clock's billing jobs in a process of its own, and what it took."""

import json
import resource
import sys
import time
from datetime import datetime
from zoneinfo import ZoneInfo

from billing_core.db.connect import connect
from billing_core.services.billing_run import run_cycles
from billing_core.services.service_days import run_service_days
from billing_core.services.suspension import sweep_suspensions


def command(kind: str, url: str, zone: ZoneInfo, moment: datetime) -> list[str]:
    """Return the command of the process that runs a job: its memory is its own."""
    program = [sys.executable, "-m", "bench.billing_job"]
    return [*program, kind, url, zone.key, moment.isoformat()]


def main(kind: str, url: str, zone_name: str, moment: str) -> None:
    """Run a job as of a moment; say its count, seconds and peak memory as JSON."""
    zone, now = ZoneInfo(zone_name), datetime.fromisoformat(moment)
    with connect(url, application="bench") as conn:
        started = time.monotonic()
        if kind == "cycles":
            done = run_cycles(conn, as_of=now, now=now, zone=zone, actor="bench").billed
        elif kind == "service_days":
            done = run_service_days(conn, now=now, zone=zone, actor="bench").billed
        else:
            done = sweep_suspensions(conn, now).suspended
        seconds = time.monotonic() - started
    used = resource.getrusage(resource.RUSAGE_SELF)
    answer = {
        "count": done,
        "seconds": seconds,
        "python_cpu_seconds": used.ru_utime + used.ru_stime,
        "peak_mb": used.ru_maxrss / 1000,
    }
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
