"""Ask the database what a login needs, in one statement and never for long.

What is asked for each login is the customer alone, live. Packages and NAS are the same
for thousands of logins and change by hand: they are kept for a second.

The calls of rlm_python3 are serialised for the whole server (radius.md §0.1): while one
login waits here, all wait. So each login calls twice: ask() sends its question and
returns, answer() reads what came meanwhile, and the database works on the questions of
many logins while their threads come and go. A login has a deadline for all it asks; a
connection that failed in any way is thrown away, and a thread makes the new one,
however long that takes on a busy machine; and after two failures in a row the breaker
refuses at once for a while. Only what was sent to a connection that proves dead is
asked again, once.

Each login arrives on another thread, but never two at once: no lock is needed.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from billing_core.access import (
    AccessRequest,
    AccessState,
    Nas,
    Package,
    RunningSession,
    Suspension,
)
from billing_core.mac_addresses import normalise_station
from radius_module.breaker import CircuitBreaker
from radius_module.connecting import Attempt
from radius_module.libpq import (
    ConnectionLostError,
    DatabaseAwayError,
    Link,
    QuestionRefusedError,
    forget,
    read_row,
    send,
    send_command,
)
from radius_module.rows import (
    Row,
    has_running,
    nas_of,
    package_of,
    running_of,
    state_of,
    suspension_of,
)

# For everything that one login asks: it is answered within 100 ms, come what may. A
# healthy database needs a tenth of a millisecond.
DEADLINE_SECONDS = 0.08

# A plan made when hardly anybody was online is no plan for the evening.
_REPLAN_SECONDS = 60.0
# How long a package or NAS that was read stays true.
_KEPT_SECONDS = 1.0
_KEPT_MAX = 10_000

_NOTHING_KEPT = (None, 0.0)


@dataclass(slots=True)
class Question:
    """What one login asked, until its answer is read."""

    request: AccessRequest
    service_date: date
    #: By the monotonic clock.
    started: float
    link: Link | None = None
    number: int = 0

    @property
    def deadline(self) -> float:
        """Return the moment at which the login is answered, come what may."""
        return self.started + DEADLINE_SECONDS


class AccessDatabase:
    """The one connection of the RADIUS module; opened when first needed."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._breaker = CircuitBreaker()
        self._link: Link | None = None
        self._attempt: Attempt | None = None
        self._replan_at = 0.0
        #: When the newest failure was counted, by the monotonic clock.
        self._failed_at = 0.0
        # Each with the moment until which it is taken for true.
        self._packages: dict[bytes, tuple[Package, float]] = {}
        self._nas: dict[bytes, tuple[Nas | None, float]] = {}
        # A child must not speak on its parent's connection, nor end it.
        os.register_at_fork(after_in_child=self._forget)

    def begin(self) -> None:
        """Connect if the database is there, so that the first login need not wait."""
        if self._link is None and self._attempt is None:
            self._attempt = Attempt(self._database_url)
            # `freeradius -C` ends the process after this; a thread that is at work
            # then takes it down with a signal.
            self._attempt.join()

    def load_access_state(
        self, request: AccessRequest, service_date: date
    ) -> AccessState | None:
        """Ask, and wait for the answer."""
        return self.answer(self.ask(request, service_date))

    def ask(self, request: AccessRequest, service_date: date) -> Question:
        """Send what a login asks, and wait for nothing but a connection."""
        question = Question(request, service_date, time.monotonic())
        if not self._breaker.allows(question.started):
            raise DatabaseAwayError("the database did not answer a moment ago")
        try:
            self._send(question)
        except DatabaseAwayError:
            self._fail(question)
            raise
        return question

    def answer(self, question: Question) -> AccessState | None:
        """Return what is known of who logs in; None = nobody has that username."""
        try:
            state = self._answer(question)
        except DatabaseAwayError:
            self._fail(question)
            raise
        self._breaker.succeeded()
        return state

    def forget(self, question: Question) -> None:
        """Let go a question whose answer nobody will read."""
        if question.link is not None and question.link is self._link:
            forget(question.link, question.number)

    def _fail(self, question: Question) -> None:
        self._drop()
        ended = time.monotonic()
        # Those that were under way together fail together: that is one failure.
        if question.started > self._failed_at:
            self._breaker.failed(ended, ended - question.started)
            self._failed_at = ended

    def close(self) -> None:
        """Close the connection."""
        if self._attempt is not None:
            self._attempt.abandon()
        self._drop()
        self._forget()

    def _drop(self) -> None:
        if self._link is not None:
            self._link.close()
        self._link = None

    def _forget(self) -> None:
        self._link = self._attempt = None

    def _send(self, question: Question) -> None:
        """Send it; once more when it shows that the connection was dead."""
        try:
            self._send_once(question)
        except ConnectionLostError:
            self._drop()
            self._send_once(question)

    def _send_once(self, question: Question) -> None:
        link = self._link or self._await_link(question.deadline)
        if question.started >= self._replan_at:
            self._replan_at = question.started + _REPLAN_SECONDS
            send_command(link, b"DISCARD PLANS")
        who = [
            question.request.username.encode(),
            question.service_date.isoformat().encode(),
        ]
        question.number = send(link, b"load_access_state", who)
        question.link = link

    def _answer(self, question: Question) -> AccessState | None:
        """Wait for the answer; ask once more when the connection was dead.

        The database was restarted, or migrated, since the last login; or another login
        gave the connection up.
        """
        if question.link is self._link:
            try:
                return self._read(question)
            except ConnectionLostError:
                self._drop()
        elif not self._breaker.allows(time.monotonic()):
            raise DatabaseAwayError("the database did not answer a moment ago")
        self._send(question)
        return self._read(question)

    def _read(self, question: Question) -> AccessState | None:
        link, started, deadline = question.link, question.started, question.deadline
        assert link is not None  # noqa: S101 - narrows the type
        row = read_row(link, question.number, deadline)
        if row is None:
            return None
        package_id, nas_id = row[0] or b"", question.request.nas_id.encode()
        package, until = self._packages.get(package_id, _NOTHING_KEPT)
        if package is None or started >= until:
            package = self._load_package(link, package_id, deadline)
        nas, until = self._nas.get(nas_id, _NOTHING_KEPT)
        if started >= until:
            nas = self._load_nas(link, nas_id, deadline)
        state = state_of(row, package, nas)
        if has_running(row):
            running = self._load_running(link, row, question.request, deadline)
            state = state._replace(running=running)
        if state.status == "suspended":
            suspension = self._load_suspension(link, row[1] or b"", deadline)
            state = state._replace(suspension=suspension)
        return state

    def _load_package(self, link: Link, package_id: bytes, deadline: float) -> Package:
        row = _ask_at_once(link, b"load_package", [package_id], deadline)
        if row is None:
            raise QuestionRefusedError("the customer's package is gone")
        if len(self._packages) >= _KEPT_MAX:
            self._packages.clear()
        package = package_of(row)
        self._packages[package_id] = package, time.monotonic() + _KEPT_SECONDS
        return package

    def _load_nas(self, link: Link, nas_id: bytes, deadline: float) -> Nas | None:
        row = _ask_at_once(link, b"load_nas", [nas_id], deadline)
        if len(self._nas) >= _KEPT_MAX:
            self._nas.clear()
        nas = None if row is None else nas_of(row)
        self._nas[nas_id] = nas, time.monotonic() + _KEPT_SECONDS
        return nas

    def _load_running(
        self, link: Link, row: Row, request: AccessRequest, deadline: float
    ) -> tuple[RunningSession, ...]:
        station = normalise_station(request.calling_station_id)
        device = [row[1], request.nas_id.encode(), station.encode()]
        found = _ask_at_once(link, b"load_running", device, deadline)
        return () if found is None else running_of(found)

    def _load_suspension(
        self, link: Link, customer_id: bytes, deadline: float
    ) -> Suspension | None:
        row = _ask_at_once(link, b"load_suspension", [customer_id], deadline)
        return None if row is None else suspension_of(row)

    def _await_link(self, deadline: float) -> Link:
        """Wait for a new connection; it goes on being made when this login gives up."""
        if self._attempt is None:
            self._attempt = Attempt(self._database_url)
        attempt = self._attempt
        if not attempt.ended.wait(deadline - time.monotonic()):
            raise DatabaseAwayError("the database did not take a connection in time")
        self._attempt = None
        if attempt.link is None:
            raise DatabaseAwayError(attempt.failure)
        self._link = attempt.link
        self._replan_at = time.monotonic() + _REPLAN_SECONDS
        return attempt.link


def _ask_at_once(
    link: Link, statement: bytes, parameters: Sequence[bytes | None], deadline: float
) -> Row | None:
    """Ask for what is rarely needed, and wait."""
    return read_row(link, send(link, statement, parameters), deadline)
