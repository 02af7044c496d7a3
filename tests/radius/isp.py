"""The provider whose stack is under test: his customers, his books, what he sees."""

import itertools
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

from billing_core import stack
from billing_core.db.connect import Connection, connect
from billing_core.db.customers import find_customer_id, read_customer
from billing_core.services.audit import audit
from billing_core.services.cash import take_cash
from billing_core.services.purchases import buy_package
from billing_core.services.registration import Registration, add_customer
from radius_module.replies import REJECT_MESSAGES
from simulators.nas import LoginResult, SimulatedNas
from tests.builders import a_package, rows, sessions_of

PASSWORD = "secret of a customer"
# How long to wait for what must happen; the machine may be busy with other things.
PATIENCE_SECONDS = 30.0
# What a login is told that could not be decided in time.
TOO_BUSY = {REJECT_MESSAGES["COULD_NOT_DECIDE"], "Service is briefly unavailable."}  # type: ignore[index]
_numbers = itertools.count(1)


class PatientNas(SimulatedNas):
    """A NAS whose customers try again when they are told to try again soon.

    A login is answered within 100 ms, decided or not, and the machine that runs the
    tests may be busy with other things. Tests of an absent database use no such NAS.
    """

    def login(self, *args: Any, **options: Any) -> LoginResult:
        """Log in, and again while the service is too busy to decide."""
        patience = time.monotonic() + PATIENCE_SECONDS
        while True:
            login = super().login(*args, **options)
            told = login.reply_message
            if not any(told.startswith(busy) for busy in TOO_BUSY):
                return login
            if time.monotonic() > patience:
                return login
            time.sleep(0.05)


@dataclass(slots=True)
class Isp:
    """One running stack and a connection to its database."""

    stack: stack.Stack
    conn: Connection = field(init=False)

    def __enter__(self) -> Self:
        self.conn = connect(self.stack.database_url, application="tests")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.conn.close()

    def reconnect(self) -> None:
        """Connect again, after the database was away."""
        self.conn.close()
        self.conn = connect(self.stack.database_url, application="tests")

    def package(self, **changes: Any) -> str:
        """Put a package on sale: by default 1.00 a minute, charged by the minute."""
        # builders counts from 1 in each process; other tests of the run may share it.
        changes.setdefault("name", f"package {os.getpid()}-{next(_numbers)}")
        return a_package(self.conn, **changes)

    def customer(
        self, package: str | None = None, *, balance: str = "0", **changes: Any
    ) -> str:
        """Take a customer on, with money in the wallet; return the username."""
        username = changes.pop("username", f"e2e-{os.getpid()}-{next(_numbers)}")
        facts = {"password": PASSWORD, "package": package or self.package()} | changes
        add_customer(
            self.conn,
            Registration(username=username, **facts),
            secret_key=self.stack.settings.secret_key,
            actor="test",
            now=datetime.now(UTC),
        )
        if Decimal(balance):
            self.cash(username, balance)
        return username

    def cash(self, username: str, amount: str) -> None:
        """Take cash from a customer."""
        take_cash(
            self.conn,
            username,
            Decimal(amount),
            key=f"{os.getpid()}-{next(_numbers)}",
            operator="test",
            note="",
            now=datetime.now(UTC),
        )

    def buy(self, username: str, package: str) -> None:
        """Sell a customer a hotspot package from his wallet."""
        buy_package(
            self.conn,
            username,
            package,
            key=f"{os.getpid()}-{next(_numbers)}",
            actor="test",
            now=datetime.now(UTC),
        )

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        return rows(self.conn, query, *values)

    def one(self, query: str, *values: Any) -> Any:
        """Return the single value of a query."""
        ((value,),) = self.rows(query, *values)
        return value

    def customer_id(self, username: str) -> int:
        """Return a customer's id."""
        return find_customer_id(self.conn, username)

    def posted(self, username: str) -> Decimal:
        """Return what is in a wallet."""
        return read_customer(self.conn, self.customer_id(username)).posted

    def reserved(self, username: str) -> Decimal:
        """Return what a wallet holds for running sessions."""
        return read_customer(self.conn, self.customer_id(username)).reserved

    def sessions(self, username: str) -> list[dict[str, Any]]:
        """Return a customer's sessions, oldest first."""
        return sessions_of(self.conn, self.customer_id(username))

    def session(self, username: str) -> dict[str, Any]:
        """Return a customer's only session."""
        (session,) = self.sessions(username)
        return session

    def events(self, username: str) -> list[str]:
        """Return the status of each packet on record for a username, in order."""
        query = (
            "SELECT status_type FROM acct_event WHERE username = %s ORDER BY event_id"
        )
        return [status for (status,) in self.rows(query, username)]

    def rejects(self, username: str) -> list[str]:
        """Return why a username was refused, oldest first; not: too busy to decide."""
        query = (
            "SELECT reason FROM access_reject WHERE username = %s ORDER BY reject_id"
        )
        return [reason for (reason,) in self.rows(query, username)]

    def requests(self, username: str) -> list[tuple[Any, ...]]:
        """Return what NAS were asked about a customer: kind, reason, outcome, cause."""
        return self.rows(
            "SELECT kind, reason, outcome, error_cause FROM outbox"
            " WHERE customer_id = %s ORDER BY outbox_id",
            self.customer_id(username),
        )

    def left_nothing(self, username: str) -> bool:
        """Tell whether a customer has no session, hold, charge, day or bill."""
        query = (
            "SELECT FROM acct_session WHERE customer_id = %(c)s"
            " UNION ALL SELECT FROM reservation WHERE customer_id = %(c)s"
            " UNION ALL SELECT FROM service_day WHERE customer_id = %(c)s"
            " UNION ALL SELECT FROM bill"
            " WHERE customer_id = %(c)s AND kind <> 'package'"
            " UNION ALL SELECT FROM ledger_entry WHERE customer_id = %(c)s"
            " AND kind NOT IN ('top_up', 'package_purchase')"
        )
        found = self.conn.execute(query, {"c": self.customer_id(username)})
        return found.fetchall() == []

    def folded(self) -> None:
        """Wait until everything that was recorded is folded."""
        nothing = "SELECT NOT EXISTS (SELECT FROM acct_intake)"
        assert until(lambda: self.one(nothing)), "the worker leaves packets unfolded"

    def errors(self) -> list[str]:
        """Return what an audit finds wrong."""
        return [f"{f.check}: {f.what}" for f in audit(self.conn) if f.is_error]


def until(is_so: Callable[[], object]) -> bool:
    """Wait for something to become so; False when it does not."""
    patience = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        if time.monotonic() > patience:
            return False
        time.sleep(0.02)
    return True


def disconnected(nas: SimulatedNas) -> list[str]:
    """Return the usernames that a NAS was asked to disconnect, repeats left out."""
    return [
        str(name)
        for received in nas.coa_received
        if received.kind == "disconnect" and not received.is_duplicate
        for name in received.attributes.get("User-Name", ())
    ]
