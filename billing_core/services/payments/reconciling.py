"""Ask gateways about what is still open: a tab that was closed loses no money."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg

from billing_core.db import asking as asking_db
from billing_core.db import payments as db
from billing_core.db.connect import Connection
from billing_core.errors import BillingError
from billing_core.gateways.contract import Gateway
from billing_core.services.payments.asking import ask_about

log = logging.getLogger(__name__)

Connect = Callable[[], AbstractContextManager[Connection]]

_ACTOR = "reconciler"
# So many in one pass; the next pass, seconds later, takes the next.
_AT_ONCE = 200
# A gateway that gives no answer to these is left alone until the next pass.
_SILENCES_MAX = 3
# A pass has one moment for all that it does. Of a slow gateway it must not grow so old
# that leases end before they begin: the next pass goes on, seconds later.
PASS_SECONDS = 60.0
# Longer than a pass and an ask can take (10 s to connect, 30 s to answer, some calls in
# a row): a process that dies with an attempt gives it back then.
_LEASE = timedelta(minutes=5)


@dataclass(slots=True)
class Reconciled:
    """What a pass did with one gateway."""

    asked: int = 0
    paid: int = 0
    to_decide: int = 0
    unanswered: int = 0


def reconcile(
    connect: Connect,
    gateways: Sequence[Gateway],
    *,
    verification: Mapping[str, str],
    now: datetime,
    limit: int = _AT_ONCE,
) -> dict[str, Reconciled]:
    """Ask about all whose time has come; returns what came of it by gateway.

    Each gateway has a thread and a connection of its own: a slow one delays only
    itself. Any number of processes may do so at once: each attempt is leased to one.
    """
    done = {gateway.name: Reconciled() for gateway in gateways}
    threads = [
        threading.Thread(
            target=_reconcile_one,
            args=(connect, gateway, done[gateway.name]),
            kwargs={
                "verification": verification[gateway.name],
                "now": now,
                "limit": limit,
            },
            name=f"reconcile-{gateway.name}",
        )
        for gateway in gateways
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done


def _reconcile_one(
    connect: Connect,
    gateway: Gateway,
    done: Reconciled,
    *,
    verification: str,
    now: datetime,
    limit: int,
) -> None:
    silences, began = 0, time.monotonic()
    try:
        with connect() as conn:
            while (
                done.asked < limit
                and silences < _SILENCES_MAX
                and time.monotonic() - began < PASS_SECONDS
            ):
                attempt_id = asking_db.claim_to_ask(
                    conn, gateway.name, now, lease_until=now + _LEASE
                )
                if attempt_id is None:
                    return
                try:
                    is_silent = _ask(
                        conn,
                        gateway,
                        attempt_id,
                        done,
                        verification=verification,
                        now=now,
                    )
                except BillingError:
                    # One odd attempt must not keep the others from being asked about.
                    log.exception("reconcile.refused attempt_id=%s", attempt_id)
                    is_silent = False
                silences = silences + 1 if is_silent else 0
    except psycopg.OperationalError as error:
        log.warning("reconcile.failed gateway=%s error=%s", gateway.name, error)


def _ask(
    conn: Connection,
    gateway: Gateway,
    attempt_id: int,
    done: Reconciled,
    *,
    verification: str,
    now: datetime,
) -> bool:
    """Ask about one attempt; tells whether the gateway was silent."""
    before = db.read_attempt(conn, attempt_id)
    done.asked += 1
    after = ask_about(
        conn,
        gateway,
        before.reference,
        verification=verification,
        actor=_ACTOR,
        now=now,
    )
    if after.state != before.state:
        done.paid += after.state == "paid"
        done.to_decide += after.state in ("confirmed", "review")
    is_silent = after.asks > before.asks and after.answered_at == before.answered_at
    done.unanswered += is_silent
    return is_silent
