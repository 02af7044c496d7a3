"""The worker: folds accounting, cuts sessions, sends the outbox and messages."""

import logging
import signal
import threading

from billing_core.settings import Settings
from billing_core.worker.cutting import run_cutting
from billing_core.worker.folding import run_folding
from billing_core.worker.messaging import run_mail, run_sms
from billing_core.worker.sending import run_sending

log = logging.getLogger(__name__)

# Each has its own connections and keeps itself alive through a database restart.
_LOOPS = (run_folding, run_cutting, run_sending, run_mail, run_sms)


def run_worker(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; a loop that dies takes the process with it.

    Any number of workers run side by side: lanes, row locks and leases keep them from
    doing the same work.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    failed: list[str] = []

    def guard(loop: object, name: str) -> None:
        try:
            assert callable(loop)  # noqa: S101 - narrows the type
            loop(settings, stop)
        finally:
            if not stop.is_set():
                failed.append(name)
                stop.set()

    threads = [
        threading.Thread(target=guard, args=(loop, loop.__name__), name=loop.__name__)
        for loop in _LOOPS
    ]
    for thread in threads:
        thread.start()
    stop.wait()
    for thread in threads:
        thread.join()
    if failed:
        raise SystemExit(f"worker: {', '.join(failed)} ended unexpectedly")
