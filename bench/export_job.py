"""One export in a process of its own: how fast it was, and its peak memory."""

import json
import sys
import time
from pathlib import Path

from bench.pages_site import client, make_app
from web.desk import close_desks


def command(url: str, cookie: str, path: str) -> list[str]:
    """Return the command of the process that takes an export: its memory is its own."""
    return [sys.executable, "-m", "bench.export_job", url, cookie, path]


def main(url: str, cookie: str, path: str) -> None:
    """Read an export as a server sends it; say what it took as JSON."""
    app = make_app(url)
    browser = client(app, cookie)
    # So that what any request needs is in memory before.
    browser.get("/account", buffered=True)
    before = peak_mb()
    started = time.monotonic()
    response = browser.get(path)
    first_octet = None
    octets = lines = 0
    for chunk in response.iter_encoded():
        first_octet = first_octet or time.monotonic() - started
        octets += len(chunk)
        lines += chunk.count(b"\r\n")
    seconds = time.monotonic() - started
    status = response.status_code
    response.close()
    close_desks(app)
    answer = {
        "status": status,
        # A sheet is compressed: its rows are those of the CSV.
        "rows": lines - 1,
        "octets": octets,
        "seconds": seconds,
        "first_octet_seconds": first_octet,
        "before_mb": before,
        "peak_mb": peak_mb(),
    }
    sys.stdout.write(json.dumps(answer))


def peak_mb() -> float:
    """Return the most that this process has had resident.

    Not ru_maxrss, which remembers the process that started us.
    """
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1000
    raise RuntimeError("no VmHWM in /proc/self/status")


if __name__ == "__main__":
    main(*sys.argv[1:])
