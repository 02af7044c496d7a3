"""An Internet provider in a box: our whole stack, told what to do as people tell it."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row

from billing_core import stack
from simulators.nas import SimulatedNas

from .waiting import wait_for

SECRET = "nas-test-secret"


@dataclass(frozen=True, slots=True)
class Site:
    """A running stack, and `khata` on it."""

    running: stack.Stack

    def khata(self, *arguments: str) -> str:
        """Run a command of the CLI and return what it printed."""
        done = subprocess.run(
            (sys.executable, "-m", "billing_core.cli", *arguments),
            env=os.environ | self.running.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if done.returncode != 0:
            command = " ".join(("khata", *arguments))
            raise RuntimeError(f"{command}: {done.stderr or done.stdout}")
        return done.stdout

    def show(self, username: str) -> dict[str, Any]:
        """Return what the CLI says of a customer."""
        shown: dict[str, Any] = json.loads(
            self.khata("customer", "show", username, "--json")
        )
        return shown

    def reject_reasons(self, username: str) -> list[str]:
        """Return why the logins of a name were rejected, newest first."""
        rejects = json.loads(
            self.khata(
                "session", "list", "--rejected", "--username", username, "--json"
            )
        )
        return [str(reject["reason"]) for reject in rejects]

    def wait_until_logins_are_decided(self) -> None:
        """Wait for the connection to the database that a server needs for logins.

        It is made beside the first login, which waits for it no longer than a login
        may: on a busy machine it is turned away.
        """
        nobody = "nobody-at-start"

        def look() -> bool:
            with SimulatedNas(
                address="127.0.0.1",
                secret=self.running.radius_secret.encode(),
                auth=("127.0.0.1", self.running.auth_port),
                acct=("127.0.0.1", self.running.acct_port),
            ) as nas:
                nas.login(nobody, "x")
            return self.reject_reasons(nobody)[:1] == ["UNKNOWN_CUSTOMER"]

        wait_for("logins to be decided", look)

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        """Ask the database itself, for what is no business of an operator."""
        with psycopg.connect(
            self.running.database_url, row_factory=dict_row
        ) as connection:
            return connection.execute(query, values).fetchall()

    def events(self, nas: str, status_type: str) -> list[dict[str, Any]]:
        """Return the accounting packets recorded from a NAS, oldest first."""
        return self.rows(
            "SELECT e.* FROM acct_event e JOIN nas n USING (nas_id)"
            " WHERE n.name = %s AND e.status_type = %s ORDER BY e.event_id",
            *(nas, status_type),
        )

    def session_of(self, username: str, *, is_over: bool) -> dict[str, Any]:
        """Wait for the newest session of a customer to run, or to be over."""

        def look() -> dict[str, Any] | None:
            sessions = self.rows(
                "SELECT * FROM acct_session WHERE username = %s"
                " ORDER BY session_id DESC LIMIT 1",
                username,
            )
            states = ("ended",) if is_over else ("open",)
            return sessions[0] if sessions and sessions[0]["state"] in states else None

        state = "over" if is_over else "running"
        found = wait_for(f"the session of {username} to be {state}", look)
        assert found is not None
        return found


@contextlib.contextmanager
def site() -> Iterator[Site]:
    """Bring a stack up in a directory of its own, and down again."""
    with (
        stack.scratch_var() as var,
        stack.up(
            var, processes=("postgres", "freeradius", "worker"), fast_init=True
        ) as running,
    ):
        isp = Site(running)
        isp.wait_until_logins_are_decided()
        yield isp
