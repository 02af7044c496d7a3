"""Carry the questions of many threads to the database together.

Whoever comes while nobody is under way goes at once. Who comes meanwhile waits, and all
who waited go together when the others are back: one flight at a time, one round trip
for all aboard. There is no thread of its own to wake, and nobody waits for company.

    thread 1   launch ── land ─ launch for 2, 3 ─▶
    thread 2        wait ··················· land ─▶
    thread 3          wait ·····························▶

Its first passenger lands a flight: gives each its answer, and sends off the next. So
only one thread at a time has to do with the connection.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock

from radius_module.libpq import DatabaseAwayError
from radius_module.rows import Row

# Few enough that libpq sends and gets all of a flight without waiting in between.
ABOARD_MAX = 64


@dataclass(slots=True, eq=False)
class Errand:
    """One question of one thread; in the end its row, if there is one, or failure."""

    statement: bytes
    parameters: Sequence[bytes]
    #: Both by the monotonic clock.
    started: float
    deadline: float
    row: Row | None = None
    failure: Exception | None = None
    is_answered: bool = False
    #: It is the first of its flight.
    lands: bool = False
    #: Locked while its thread is to wait.
    gate: Lock = field(default_factory=Lock)


class Rounds:
    """The flights over one connection, one after the other.

    `launch` sends what a flight asks and does not wait; `land` waits for answers and
    writes rows and failures into the errands. Neither may raise for what can be told of
    an errand.
    """

    def __init__(
        self,
        launch: Callable[[Sequence[Errand]], None],
        land: Callable[[Sequence[Errand]], None],
    ) -> None:
        self._launch = launch
        self._land = land
        self._guard = Lock()
        # Under the guard. The flight is empty when nobody is under way.
        self._flight: list[Errand] = []
        self._waiting: list[Errand] = []

    def run(self, errand: Errand) -> Row | None:
        """Have it carried; give its row, or raise its failure."""
        with self._guard:
            if self._flight:
                errand.gate.acquire()
                self._waiting.append(errand)
            else:
                errand.lands = True
                self._flight = [errand]
        if errand.lands:
            self._fly([errand], is_launched=False)
        elif self._is_next_to_land(errand):
            self._fly(self._flight, is_launched=True)
        if errand.failure is not None:
            raise errand.failure
        if not errand.is_answered:
            raise DatabaseAwayError("nobody came back with an answer")
        return errand.row

    def _is_next_to_land(self, errand: Errand) -> bool:
        """Wait until its flight is back, or is its to land."""
        if errand.gate.acquire(timeout=max(errand.deadline - time.monotonic(), 0)):
            return errand.lands
        with self._guard:
            if errand in self._waiting:
                self._waiting.remove(errand)
        if errand.lands:
            # Its flight is being launched at this moment, and would have nobody.
            errand.gate.acquire()
        else:
            errand.failure = DatabaseAwayError("the database did not answer in time")
        return errand.lands

    def _fly(self, flight: Sequence[Errand], *, is_launched: bool) -> None:
        """Bring a flight down; whatever happens to it, the next one goes off."""
        try:
            if not is_launched:
                self._launch(flight)
            self._land(flight)
        finally:
            try:
                self._send_off_next()
            finally:
                for errand in flight[1:]:
                    errand.gate.release()

    def _send_off_next(self) -> None:
        with self._guard:
            flight = self._flight = self._waiting[:ABOARD_MAX]
            del self._waiting[:ABOARD_MAX]
            if not flight:
                return
            flight[0].lands = True
        try:
            self._launch(flight)
        finally:
            flight[0].gate.release()
