"""Send files of requests with radclient and count the answers."""

import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PARALLEL = 50
# Seconds until a request counts as lost: nothing is sent twice, so that the rate is of
# requests that were answered at once.
TIMEOUT_SECONDS = 10
RUN_SECONDS_MAX = 600
_COUNT = re.compile(r"^\s*(Accepted|Rejected|Lost)\s*:\s*(\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of the requests of one run."""

    accepted: int
    rejected: int
    lost: int
    seconds: float
    #: Wall-clock time (epoch) at the end.
    ended_at: float

    @property
    def rate(self) -> float:
        """Accepted requests a second."""
        return self.accepted / self.seconds


def send(
    files: Sequence[Path],
    port: int,
    secret: str,
    *,
    kind: str,
    address: str = "127.0.0.1",
) -> Sent:
    """Send files one after the other, 50 requests at a time; kind is auth or acct."""
    counts = {"Accepted": 0, "Rejected": 0, "Lost": 0}
    started = time.monotonic()
    for file in files:
        answer = subprocess.run(
            [
                "radclient",
                "-q",
                "-s",
                *("-p", str(PARALLEL)),
                *("-r", "1"),
                *("-t", str(TIMEOUT_SECONDS)),
                *("-f", str(file)),
                f"{address}:{port}",
                kind,
                secret,
            ],
            capture_output=True,
            text=True,
            check=False,  # it fails when anything was rejected; we count
            timeout=RUN_SECONDS_MAX,
        )
        found = _COUNT.findall(answer.stdout)
        if not found:
            raise RuntimeError(f"radclient says: {answer.stdout}{answer.stderr}")
        for name, count in found:
            counts[name] += int(count)
    seconds = time.monotonic() - started
    return Sent(
        counts["Accepted"], counts["Rejected"], counts["Lost"], seconds, time.time()
    )
