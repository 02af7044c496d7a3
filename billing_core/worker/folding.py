"""The loop that folds accounting packets as they come."""

import itertools
import logging
import os
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import psycopg

from billing_core.db import intake
from billing_core.db.connect import Connection
from billing_core.services.accounting import FoldResult, fold_intake
from billing_core.services.closing import close_sessions_of_restarted_nas
from billing_core.settings import Settings
from billing_core.worker.connection import keep_connected

log = logging.getLogger(__name__)

_BATCH_EVENTS = 2000
# Half of the lanes a round, in turn: a second worker always finds the other half.
_LANE_ROUNDS = (range(intake.LANES // 2), range(intake.LANES // 2, intake.LANES))
# An idle worker looks so often whether a packet came: the half of it is what a charge
# waits at most times. A NOTIFY by each insert would cost the insert a sixth more, and
# takes a lock that serialises commits.
_LOOK_SECONDS = 0.05
# Looks between two rounds, in which it also sees after what other workers left.
_LOOKS = 5
_BEAT_SECONDS = 2.0


def run_folding(settings: Settings, stop: threading.Event) -> None:
    """Fold until told to stop."""
    keep_connected(
        settings.database_url, "folding", stop, lambda conn: _serve(conn, stop)
    )


def _serve(conn: Connection, stop: threading.Event) -> None:
    next_beat = 0.0
    empty_rounds = 0
    for lanes in itertools.cycle(_LANE_ROUNDS):
        if stop.is_set():
            return
        if time.monotonic() >= next_beat:
            intake.beat(conn, "worker", os.getpid(), datetime.now(UTC))
            next_beat = time.monotonic() + _BEAT_SECONDS
        result = fold_or_park(conn, lanes)
        if result.nas_restarts or empty_rounds:
            # Also when idle: another worker may have died on the way.
            close_sessions_of_restarted_nas(conn, datetime.now(UTC))
        empty_rounds = 0 if result.events else empty_rounds + 1
        if empty_rounds >= len(_LANE_ROUNDS):
            _nap(conn, stop)
            empty_rounds = 0


def fold_or_park(conn: Connection, lanes: Sequence[int]) -> FoldResult:
    """Fold one batch; a packet that cannot be folded is set aside, alone.

    A fault in one packet must not stop the billing of all: the batch is tried again
    packet by packet, and the one at fault is parked with its error for an engineer.
    """
    now = datetime.now(UTC)
    try:
        return fold_intake(conn, now, lanes=lanes, limit=_BATCH_EVENTS)
    except psycopg.OperationalError:
        raise
    except Exception:
        log.exception("fold.failed lanes=%s", list(lanes))
    result = FoldResult()
    for _ in range(_BATCH_EVENTS):
        one, is_parked = _fold_one_or_park(conn, now, lanes)
        result.events += one.events
        result.nas_restarts += one.nas_restarts
        if is_parked or not one.events:
            break
    return result


def _fold_one_or_park(
    conn: Connection, now: datetime, lanes: Sequence[int]
) -> tuple[FoldResult, bool]:
    """Fold the oldest packet or set it aside; tell whether it was set aside.

    The lanes are held from the one to the other: between them another worker could
    take the packet at fault away, and the next in line would be parked for it.
    """
    with conn.transaction():
        held = intake.claim_lanes(conn, lanes)
        try:
            return fold_intake(conn, now, lanes=held, limit=1), False
        except psycopg.OperationalError:
            raise
        except Exception as error:
            intake_id = intake.park_oldest(conn, held, repr(error))
            log.exception("fold.parked intake_id=%s", intake_id)
            return FoldResult(events=1), True


def _nap(conn: Connection, stop: threading.Event) -> None:
    """Do nothing until a packet comes, for a quarter of a second at most."""
    for _ in range(_LOOKS):
        if stop.wait(_LOOK_SECONDS) or intake.has_intake(conn):
            return
