"""The scheduler: jobs by the clock; any number run, one leads."""

import logging
import os
import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime

import psycopg
from apscheduler.schedulers.background import BackgroundScheduler

from billing_core.db import intake
from billing_core.db.connect import Connection, connect
from billing_core.db.messages import write_policy
from billing_core.db.web_sessions import delete_ended_sessions
from billing_core.gateways.contract import Gateway
from billing_core.services.calendar import (
    bill_the_cycles,
    charge_the_day,
    number_new_bills,
    suspend_the_overdue,
)
from billing_core.services.closing import close_stale_sessions, forget_old_rejects
from billing_core.services.day_sums import fold_day_sums
from billing_core.services.fair_use_cycles import restore_full_rates
from billing_core.services.partitions import ensure_partitions
from billing_core.services.payments import open_gateways
from billing_core.services.payments.reconciling import reconcile
from billing_core.services.refund_answers import reconcile_refunds
from billing_core.services.reminders import queue_reminders
from billing_core.settings import Settings
from billing_core.worker.connection import keep_connected

log = logging.getLogger(__name__)

# Advisory lock of the leader: it is gone with the connection that held it.
_LEADER_LOCK = 0x4B484C44
_LOOK_SECONDS = 1.0

# Each job and how often it runs, in seconds.
_JOBS: tuple[tuple[Callable[[Connection, datetime], object], int], ...] = (
    (charge_the_day, 10),
    (bill_the_cycles, 30),
    (restore_full_rates, 10),
    (suspend_the_overdue, 30),
    (number_new_bills, 5),
    (queue_reminders, 300),
    (close_stale_sessions, 30),
    (fold_day_sums, 60),
    (ensure_partitions, 6 * 3600),
    (forget_old_rejects, 24 * 3600),
    (delete_ended_sessions, 3600),
)

# How often a gateway is asked about what is due to be asked.
_RECONCILE_SECONDS = 10


def run_scheduler(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; lead when nobody else does.

    A leader that is killed lets go of its lock with its connection, and another leads
    within a second or two.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    keep_connected(
        settings.database_url,
        "scheduler",
        stop,
        lambda conn: _serve(conn, settings, stop),
    )


def _serve(conn: Connection, settings: Settings, stop: threading.Event) -> None:
    jobs: BackgroundScheduler | None = None
    try:
        while not stop.is_set():
            if jobs is None and _try_to_lead(conn):
                log.info("scheduler.leads")
                # Jobs and services know the database, not the settings.
                write_policy(conn, settings.reminders)
                jobs = _start_jobs(settings)
            intake.beat(conn, "scheduler", os.getpid(), datetime.now(UTC))
            stop.wait(_LOOK_SECONDS)
    finally:
        if jobs is not None:
            jobs.shutdown(wait=True)


def _try_to_lead(conn: Connection) -> bool:
    row = conn.execute("SELECT pg_try_advisory_lock(%s)", [_LEADER_LOCK]).fetchone()
    return row is not None and bool(row[0])


def _start_jobs(settings: Settings) -> BackgroundScheduler:
    scheduler = BackgroundScheduler(
        timezone=settings.zone,
        # A run that was missed is made up once; one that still runs is not doubled.
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    now = datetime.now(UTC)
    for job, seconds in _JOBS:
        scheduler.add_job(
            _run,
            "interval",
            args=(settings.database_url, job),
            seconds=seconds,
            next_run_time=now,
            id=job.__name__,
        )
    for gateway in open_gateways(settings).values():
        # A job of its own: a gateway that hangs keeps no other waiting.
        scheduler.add_job(
            _reconcile,
            "interval",
            args=(settings, gateway),
            seconds=_RECONCILE_SECONDS,
            next_run_time=now,
            id=f"reconcile_{gateway.name}",
        )
    scheduler.start()
    return scheduler


def _run(database_url: str, job: Callable[[Connection, datetime], object]) -> None:
    try:
        with connect(database_url, application=job.__name__) as conn:
            result = job(conn, datetime.now(UTC))
    except psycopg.OperationalError as error:
        log.warning("job.failed job=%s error=%s", job.__name__, str(error).strip())
        return
    if result:
        log.info("job.done job=%s result=%s", job.__name__, result)


def _reconcile(settings: Settings, gateway: Gateway) -> None:
    done = reconcile(
        lambda: connect(settings.database_url, application="reconcile"),
        [gateway],
        verification=settings.payments.verification,
        now=datetime.now(UTC),
    )[gateway.name]
    if done.asked:
        log.info("job.done job=reconcile gateway=%s result=%s", gateway.name, done)
    refunds = reconcile_refunds(
        lambda: connect(settings.database_url, application="reconcile"),
        {gateway.name: gateway},
        now=datetime.now(UTC),
    )
    if refunds:
        log.info("job.done job=refunds gateway=%s asked=%s", gateway.name, refunds)
