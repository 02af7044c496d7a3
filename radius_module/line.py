"""One connection to the database that many threads ask, and never for long.

A login has a deadline for all it asks. A connection that failed is thrown away, and a
thread makes the new one, however long that takes on a busy machine; after two failures
in a row the breaker refuses at once for a while. Being late is forgiven for two
seconds: a disk that stalls, or a machine with too much to do, leaves the connection as
it was, and its first word is the sign to ask again. Only what was sent to a connection
that proves dead is asked again, once.

Questions travel in flights (rounds.py): only who lands or sends off one touches the
connection, so that it needs no lock.
"""

import os
import time
from collections.abc import Sequence

from radius_module.breaker import CircuitBreaker
from radius_module.connecting import Attempt, Purpose
from radius_module.libpq import (
    ConnectionLostError,
    DatabaseAwayError,
    Link,
    Question,
    QuestionRefusedError,
    read_flight,
    send_command,
    send_flight,
)
from radius_module.rounds import Errand, Rounds
from radius_module.rows import Row

# A plan made when hardly anybody was online is no plan for the evening.
REPLAN_SECONDS = 60.0
# A connection that says nothing for so long is taken for dead.
_LATE_SECONDS_MAX = 2.0


class Line:
    """One connection; opened when first needed."""

    def __init__(self, database_url: str, purpose: Purpose) -> None:
        self._database_url = database_url
        self._purpose = purpose
        self._breaker = CircuitBreaker()
        self._rounds = Rounds(self._launch, self._land)
        self._link: Link | None = None
        self._attempt: Attempt | None = None
        #: What the flight under way was sent on; None when it could not be sent.
        self._sent_on: Link | None = None
        #: Who asks each statement of it, in the order in which they were sent.
        self._asked: list[list[Errand]] = []
        self._sends_replan = False
        self._replan_at = 0.0
        #: When the newest failure was counted, by the monotonic clock.
        self._failed_at = 0.0
        # A child must not speak on its parent's connection, nor end it.
        os.register_at_fork(after_in_child=self._forget)

    def begin(self) -> None:
        """Connect if the database is there, so that the first login need not wait."""
        if self._link is None and self._attempt is None:
            self._attempt = Attempt(self._database_url, self._purpose)
            # `freeradius -C` ends the process after this; a thread that is at work
            # then takes it down with a signal.
            self._attempt.join()

    def ask(
        self,
        statement: bytes,
        parameters: Sequence[bytes],
        started: float,
        deadline: float,
    ) -> Row | None:
        """Ask one question; give its row, if it has one.

        Raises DatabaseAwayError, or QuestionRefusedError when it cannot be answered.
        """
        if not self._breaker.allows(time.monotonic()) and not self._is_back():
            raise DatabaseAwayError("the database did not answer a moment ago")
        return self._rounds.run(Errand(statement, parameters, started, deadline))

    def _is_back(self) -> bool:
        """Tell whether a database that was late has begun to answer."""
        link = self._link
        return link is not None and link.owed > 0 and link.has_word()

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
        self._rounds = Rounds(self._launch, self._land)

    # A flight -------------------------------------------------------------------------

    def _launch(self, flight: Sequence[Errand]) -> None:
        """Send what it asks if there is a connection; else its landing sees to it."""
        self._sent_on = None
        if self._link is not None:
            try:
                self._send(self._link, flight)
            except ConnectionLostError:
                self._drop()

    def _land(self, flight: Sequence[Errand]) -> None:
        try:
            self._read_or_ask_again(flight)
        except DatabaseAwayError as error:
            for errand in flight:
                errand.failure = DatabaseAwayError(str(error))
            self._fail(flight, error)
        except QuestionRefusedError as error:
            if len(flight) > 1:
                # All or none: whose fault it was shows when each goes alone.
                for errand in flight:
                    self._launch([errand])
                    self._land([errand])
            else:
                flight[0].failure = error
                self._breaker.succeeded()
        else:
            self._breaker.succeeded()

    def _read_or_ask_again(self, flight: Sequence[Errand]) -> None:
        """Wait for the answers; ask once more when the connection was dead.

        The database was restarted, or migrated, since the flight before.
        """
        deadline = flight[0].deadline
        if self._sent_on is not None:
            try:
                self._read(self._sent_on, flight, deadline)
            except ConnectionLostError:
                self._drop()
            else:
                return
        link = self._link or self._await_link(deadline)
        self._send(link, flight)
        self._read(link, flight, deadline)

    def _send(self, link: Link, flight: Sequence[Errand]) -> None:
        now = time.monotonic()
        self._sends_replan = now >= self._replan_at
        if self._sends_replan:
            self._replan_at = now + REPLAN_SECONDS
            send_command(link, b"DISCARD PLANS")
        self._asked = _groups(flight)
        send_flight(link, [_question(group) for group in self._asked])
        self._sent_on = link

    def _read(self, link: Link, flight: Sequence[Errand], deadline: float) -> None:
        answers = read_flight(link, deadline)
        if self._sends_replan:
            answers = answers[1:]
        for group, rows in zip(self._asked, answers, strict=True):
            for row in rows:
                group[int(row[0] or 0) - 1].row = row[1:]
        for errand in flight:
            errand.is_answered = True

    def _fail(self, flight: Sequence[Errand], error: DatabaseAwayError) -> None:
        ended, started = time.monotonic(), flight[-1].started
        link = self._link
        if link is not None and link.owed == 1:
            link.late_since = ended
        if (
            link is None
            or not link.owed
            or isinstance(error, ConnectionLostError)
            or ended - link.late_since > _LATE_SECONDS_MAX
        ):
            self._drop()
        # Those that met the same stall fail one flight after the other: one failure.
        if started > self._failed_at:
            self._breaker.failed(ended, ended - flight[0].started)
            self._failed_at = ended

    def _await_link(self, deadline: float) -> Link:
        """Wait for a new connection; it goes on being made when a flight gives up."""
        if self._attempt is None:
            self._attempt = Attempt(self._database_url, self._purpose)
        attempt = self._attempt
        if not attempt.ended.wait(deadline - time.monotonic()):
            raise DatabaseAwayError("the database did not take a connection in time")
        self._attempt = None
        if attempt.link is None:
            raise DatabaseAwayError(attempt.failure)
        self._link = attempt.link
        self._replan_at = time.monotonic() + REPLAN_SECONDS
        return attempt.link


def _groups(flight: Sequence[Errand]) -> list[list[Errand]]:
    """Put together those who ask the same, in one order each time."""
    groups: dict[bytes, list[Errand]] = {}
    for errand in flight:
        groups.setdefault(errand.statement, []).append(errand)
    return list(groups.values())


def _question(group: Sequence[Errand]) -> Question:
    columns = list(zip(*(errand.parameters for errand in group), strict=True))
    return group[0].statement, columns
