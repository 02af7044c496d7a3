"""Examine an installation: a list of checks, each a plain function."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg

from billing_core.db.connect import Connection, connect
from billing_core.settings import Settings, SettingsError, load_settings
from billing_core.stack import control
from billing_core.stack.doctor_cards import CARD_CHECKS
from billing_core.stack.doctor_database import DATABASE_CHECKS
from billing_core.stack.doctor_machine import MACHINE_CHECKS
from billing_core.stack.errors import StackError
from billing_core.stack.findings import FAIL, Finding, Patient, fail, warn
from billing_core.stack.layout import Layout
from billing_core.stack.state import read_state

__all__ = ["CHECKS", "FAIL", "examine"]

#: Adding a check is adding a function to one of these lists.
CHECKS: list[Callable[[Patient], list[Finding]]] = [
    *MACHINE_CHECKS,
    *DATABASE_CHECKS,
    *CARD_CHECKS,
]
STATEMENT_TIMEOUT = "10s"


def examine(var: Path) -> list[Finding]:
    """Run every check; one that cannot be done is a finding of its own."""
    layout = Layout(var.resolve())
    if not layout.state.exists():
        return [
            fail(
                "stack",
                f"there is none in {layout.var} yet",
                "`khata up` makes and starts one",
            )
        ]
    with _patient(layout) as patient:
        return [finding for check in CHECKS for finding in _done(check, patient)]


def _done(check: Callable[[Patient], list[Finding]], patient: Patient) -> list[Finding]:
    name = check.__name__.removeprefix("check_").replace("_", " ")
    try:
        return check(patient)
    except StackError as error:
        return [fail(name, error.message, error.mend)]
    except (psycopg.Error, OSError) as error:
        return [warn(name, f"could not be looked at: {error}".strip(), "")]


@contextlib.contextmanager
def _patient(layout: Layout) -> Iterator[Patient]:
    state = read_state(layout.state)
    settings, settings_error = _settings(layout)
    secret_file = layout.secrets / "radius_secret"
    secret = ""
    with contextlib.suppress(OSError):
        secret = secret_file.read_text(encoding="utf-8").strip()
    with contextlib.ExitStack() as opened:
        conn, conn_error = _connection(settings)
        if conn is not None:
            opened.enter_context(contextlib.closing(conn))
        yield Patient(
            layout,
            state,
            settings,
            settings_error,
            conn,
            conn_error,
            control.supervisor_pid(layout.run) is not None,
            secret,
        )


def _settings(layout: Layout) -> tuple[Settings | None, str]:
    try:
        return load_settings({"KHATA_CONFIG": str(layout.config)}), ""
    except SettingsError as error:
        return None, str(error)


def _connection(settings: Settings | None) -> tuple[Connection | None, str]:
    if settings is None:
        return None, "without settings there is no address"
    try:
        conn = connect(
            settings.database_url, application="doctor", connect_timeout_seconds=3
        )
        conn.execute(
            "SELECT set_config('statement_timeout', %s, false)", (STATEMENT_TIMEOUT,)
        )
    except psycopg.Error as error:
        return None, str(error).strip()
    return conn, ""
