"""Questions of many threads share a round trip, and nobody is left behind."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock

import pytest

from radius_module.libpq import DatabaseAwayError
from radius_module.rounds import ABOARD_MAX, Errand, Rounds

PATIENCE = 30.0


class Courier:
    """Stands for the database: answers b"n" with (b"n",); may be held up."""

    def __init__(self) -> None:
        self.flights: list[list[bytes]] = []
        self.go = Event()
        self.go.set()
        self.landing = Event()
        self.busy = Lock()
        self.fails = self.launch_fails = False
        self.rounds = Rounds(self.launch, self.land)

    def launch(self, flight: Sequence[Errand]) -> None:
        if self.launch_fails:
            raise MemoryError
        self.flights.append([errand.parameters[0] for errand in flight])

    def land(self, flight: Sequence[Errand]) -> None:
        # Two flights over one connection would mix their answers.
        assert self.busy.acquire(blocking=False)
        self.landing.set()
        self.go.wait(PATIENCE)
        if self.fails:
            self.busy.release()
            raise MemoryError
        for errand in flight:
            errand.row, errand.is_answered = (errand.parameters[0],), True
        self.busy.release()

    def ask(self, what: int, patience: float = PATIENCE) -> int:
        now = time.monotonic()
        errand = Errand(b"s", (b"%d" % what,), now, now + patience)
        row = self.rounds.run(errand)
        assert row is not None
        return int(row[0] or b"")

    def hold_up(self, threads: ThreadPoolExecutor, what: int = 0) -> None:
        """Have one flight under way that does not come back."""
        self.go.clear()
        self.landing.clear()
        threads.submit(self.ask, what)
        assert self.landing.wait(PATIENCE)

    def wait_for(self, number: int) -> None:
        while len(self.rounds._waiting) < number:
            time.sleep(0.001)


def test_each_of_many_threads_gets_its_own_answer() -> None:
    courier = Courier()
    with ThreadPoolExecutor(32) as threads:
        assert list(threads.map(courier.ask, range(5000))) == list(range(5000))
    assert sum(map(len, courier.flights)) == 5000


def test_who_comes_while_a_flight_is_under_way_goes_with_the_next() -> None:
    courier = Courier()
    with ThreadPoolExecutor(20) as threads:
        courier.hold_up(threads)
        told = [threads.submit(courier.ask, number) for number in range(1, 11)]
        courier.wait_for(10)
        courier.go.set()
        assert [future.result() for future in told] == list(range(1, 11))
    assert len(courier.flights) == 2
    assert len(courier.flights[1]) == 10


def test_a_flight_takes_so_many_and_no_more() -> None:
    courier = Courier()
    number = ABOARD_MAX + 5
    with ThreadPoolExecutor(number + 1) as threads:
        courier.hold_up(threads)
        told = [threads.submit(courier.ask, what) for what in range(number)]
        courier.wait_for(number)
        courier.go.set()
        assert [future.result() for future in told] == list(range(number))
    assert [len(flight) for flight in courier.flights] == [1, ABOARD_MAX, 5]


def test_who_waited_too_long_leaves_and_the_others_go_on() -> None:
    courier = Courier()
    with ThreadPoolExecutor(5) as threads:
        courier.hold_up(threads)
        with pytest.raises(DatabaseAwayError, match="in time"):
            courier.ask(1, patience=0.01)
        patient = threads.submit(courier.ask, 2)
        courier.wait_for(1)
        courier.go.set()
        assert patient.result() == 2
    assert courier.flights == [[b"0"], [b"2"]]
    assert courier.ask(3) == 3


def test_who_leaves_while_his_flight_is_under_way_spoils_nothing() -> None:
    courier = Courier()
    with ThreadPoolExecutor(5) as threads:
        courier.hold_up(threads)
        first = threads.submit(courier.ask, 1)
        courier.wait_for(1)
        second = threads.submit(courier.ask, 2, 0.3)
        courier.wait_for(2)
        courier.landing.clear()
        courier.go.set()
        courier.go.clear()
        # The flight of 1 and 2 may be back already; when it is not, 2 gives up.
        courier.landing.wait(PATIENCE)
        time.sleep(0.4)
        courier.go.set()
        assert first.result() == 1
        assert second.exception() is None or isinstance(
            second.exception(), DatabaseAwayError
        )
    assert courier.ask(4) == 4


def test_impatient_threads_in_a_crowd_lose_no_turn() -> None:
    courier = Courier()

    def sometimes(what: int) -> int:
        try:
            return courier.ask(what, patience=0.00005 * (what % 7))
        except DatabaseAwayError:
            return what

    with ThreadPoolExecutor(32) as threads:
        assert list(threads.map(sometimes, range(5000))) == list(range(5000))
    assert courier.ask(1) == 1


def test_a_landing_that_breaks_leaves_nobody_waiting_and_answers_nobody() -> None:
    courier = Courier()
    with ThreadPoolExecutor(5) as threads:
        courier.hold_up(threads)
        together = [threads.submit(courier.ask, number) for number in (1, 2, 3)]
        courier.wait_for(3)
        courier.fails = True
        courier.go.set()
        kinds = [type(future.exception()) for future in together]
    assert sorted(kind.__name__ for kind in kinds) == [
        "DatabaseAwayError",
        "DatabaseAwayError",
        "MemoryError",
    ]
    courier.fails = False
    assert courier.ask(4) == 4


def test_a_launch_that_breaks_is_one_threads_failure_and_the_next_one_goes() -> None:
    courier = Courier()
    courier.launch_fails = True
    with pytest.raises(MemoryError):
        courier.ask(1)
    courier.launch_fails = False
    assert courier.ask(2) == 2

    with ThreadPoolExecutor(5) as threads:
        courier.hold_up(threads)
        passengers = [threads.submit(courier.ask, number) for number in (3, 4)]
        courier.wait_for(2)
        courier.launch_fails = True
        courier.go.set()
        # Whoever lands it finds that nothing was sent, and sees to that.
        assert [future.result() for future in passengers] == [3, 4]
    courier.launch_fails = False
    assert courier.ask(5) == 5
