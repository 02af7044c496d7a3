"""`khata audit`, `worker`, `scheduler`, `web`, `db`: what machines run."""

import logging
import os
import sys

import click

from billing_core.cli import settings as read_settings
from billing_core.cli.context import at_desk
from billing_core.cli.output import json_option, show, show_table
from billing_core.log_lines import LineFormatter
from billing_core.services.audit import CHECKS
from billing_core.services.audit import audit as run_audit


@click.command()
@json_option
def audit(as_json: bool) -> None:
    """Check the books; exit code 1 if anything is wrong."""
    with at_desk() as desk:
        findings = run_audit(desk.conn)
        if as_json:
            show({"checks": CHECKS, "findings": findings}, desk.settings.zone)
        else:
            show_table(
                findings,
                ("check", "customer_id", "what", "is_error"),
                desk.settings.zone,
                empty=f"The books are right: {len(CHECKS)} checks, no finding.",
            )
    if any(finding.is_error for finding in findings):
        raise SystemExit(1)


@click.command()
def worker() -> None:
    """Fold accounting, cut what is exhausted, send the outbox; until SIGTERM."""
    from billing_core.worker import run_worker

    settings = read_settings()
    _log_to_stderr(settings.log_level)
    run_worker(settings)


@click.command()
def scheduler() -> None:
    """Run the jobs of the clock; until SIGTERM. Any number run, one leads."""
    from billing_core.scheduler import run_scheduler

    settings = read_settings()
    _log_to_stderr(settings.log_level)
    run_scheduler(settings)


@click.command()
def web() -> None:
    """Serve the web pages (gunicorn); until SIGTERM."""
    settings = read_settings()
    os.execv(  # noqa: S606 - gunicorn takes this process's place
        sys.executable,
        [
            sys.executable,
            "-m",
            "gunicorn",
            "web:create_app()",
            f"--bind={settings.web_host}:{settings.web_port}",
            "--workers=2",
            "--threads=4",
            # Heartbeat files belong where nothing waits for a disk.
            "--worker-tmp-dir=/dev/shm",
        ],
    )


@click.group()
def db() -> None:
    """Look after the database."""


@db.command()
def migrate() -> None:
    """Bring the database to the current schema."""
    from billing_core.migrations import head_revision
    from billing_core.migrations import migrate as run_migrations

    run_migrations(read_settings().database_url)
    click.echo(f"The database is at revision {head_revision()}.")


def _log_to_stderr(level: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(
        LineFormatter("%(asctime)s %(levelname)s %(name)s %(message)s")
    )
    logging.basicConfig(level=level, handlers=[handler])
    # APScheduler tells of each run of each job.
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
