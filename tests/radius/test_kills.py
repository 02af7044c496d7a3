"""Killed in mid-stream: PostgreSQL, the worker, FreeRADIUS. Nothing lost or doubled."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from billing_core import stack
from simulators.nas import NasSession, Quirks, Retry, SimulatedNas
from tests.radius.isp import PASSWORD, Isp, until

NasOf = Callable[..., SimulatedNas]
CUSTOMERS = 12
MINUTES = 15


@pytest.fixture
def provider(module_stack: stack.Stack) -> Iterator[Isp]:
    with Isp(module_stack) as isp:
        yield isp


class Stream:
    """Sessions that report all the time, each from a thread of its own."""

    def __init__(self, isp: Isp, nas_of: NasOf, *, fresh_id: bool) -> None:
        retry = Retry(timeout_seconds=0.5, attempts=120, fresh_id=fresh_id)
        self.isp = isp
        package = isp.package(price_per_mb=Decimal("0.01"), vat_percent=Decimal(5))
        package_facts = "UPDATE package SET price_per_minute = 1 WHERE name = %s"
        isp.conn.execute(package_facts, [package])
        self.sessions: list[tuple[str, SimulatedNas, NasSession]] = []
        for number in range(CUSTOMERS):
            if number % 3 == 0:
                nas = nas_of(isp.stack, retry=retry)
            user = isp.customer(package, balance="1000")
            login = nas.login(user, PASSWORD)
            assert login.accepted, login.reply_message
            session = nas.start_session(login, up=1000 * number, down=100_000)
            self.sessions.append((user, nas, session))
        self.reports = 0

    def run(self, *, then: Callable[[], None]) -> None:
        """Report for many minutes; in the middle of it do what hurts."""
        nases = list({id(nas): nas for _, nas, _ in self.sessions}.values())
        under_way = threading.Event()

        def report(nas: SimulatedNas) -> None:
            for minute in range(MINUTES):
                nas.advance(60)
                if minute == 1:
                    under_way.set()
                time.sleep(0.03)

        with ThreadPoolExecutor(len(nases)) as pool:
            running = [pool.submit(report, nas) for nas in nases]
            under_way.wait()
            then()
            for future in running:
                future.result()
        for _, _, session in self.sessions:
            session.stop()

    def check(self) -> None:
        """Each packet was acknowledged, is on record, and is charged once."""
        isp = self.isp
        for user, _, session in self.sessions:
            assert all(delivery.acknowledged for delivery in session.deliveries)
            sent = len(session.deliveries)
            assert until(lambda u=user, n=sent: len(isp.events(u)) >= n)
        isp.folded()
        for user, _, session in self.sessions:
            seen = isp.session(user)
            assert seen["state"] == "ended"
            assert seen["session_seconds"] == session.session_seconds == MINUTES * 60
            assert seen["input_octets"] == session.input_octets
            assert seen["output_octets"] == session.output_octets
            assert isp.posted(user) == 1000 - self.worth(session)
            assert isp.reserved(user) == 0
        assert isp.errors() == []

    @staticmethod
    def worth(session: NasSession) -> Decimal:
        octets = session.input_octets + session.output_octets
        exact = Decimal(MINUTES) + Decimal(octets) / 1_000_000 / 100
        return exact.quantize(Decimal("0.01"), "ROUND_HALF_UP")


def test_postgresql_killed(provider: Isp, nas_of: NasOf) -> None:
    stream = Stream(provider, nas_of, fresh_id=False)

    def kill() -> None:
        provider.stack.kill("postgres")
        time.sleep(0.3)
        provider.stack.start("postgres")
        provider.reconnect()

    stream.run(then=kill)
    stream.check()


def test_postgresql_killed_and_brought_back_by_its_keeper_alone(
    provider: Isp, nas_of: NasOf
) -> None:
    stream = Stream(provider, nas_of, fresh_id=True)

    def kill() -> None:
        provider.stack.kill("postgres", hold=False)
        provider.stack.wait_until_ready("postgres")
        provider.reconnect()

    stream.run(then=kill)
    stream.check()


def test_the_worker_killed_and_brought_back_by_its_keeper(
    provider: Isp, nas_of: NasOf
) -> None:
    stream = Stream(provider, nas_of, fresh_id=True)
    before = provider.stack.pid("worker")

    def kill() -> None:
        provider.stack.kill("worker", hold=False)

    stream.run(then=kill)
    provider.stack.wait_until_ready("worker")
    assert provider.stack.pid("worker") != before
    stream.check()


def test_freeradius_killed(provider: Isp, nas_of: NasOf) -> None:
    """It answers again when its keeper has restarted it; the NAS repeat till then."""
    stream = Stream(provider, nas_of, fresh_id=False)

    def kill() -> None:
        provider.stack.kill("freeradius", hold=False)
        provider.stack.wait_until_ready("freeradius")

    stream.run(then=kill)
    stream.check()


def test_everything_killed_at_once(provider: Isp, nas_of: NasOf) -> None:
    stream = Stream(provider, nas_of, fresh_id=True)

    def kill() -> None:
        for name in ("postgres", "freeradius", "worker", "scheduler"):
            provider.stack.kill(name, hold=False)
        for name in ("postgres", "freeradius", "worker", "scheduler"):
            provider.stack.wait_until_ready(name)
        provider.reconnect()

    stream.run(then=kill)
    stream.check()


def test_a_nas_that_was_learned_of_is_heard_again_after_everything_was_killed(
    provider: Isp, nas_of: NasOf
) -> None:
    """FreeRADIUS starts while the database is away and knows no address of its own:
    the NAS goes on speaking, is not heard, and is when the database is back."""
    nas = nas_of(provider.stack, is_known=False, retry=Retry(0.5, attempts=120))
    user = provider.customer(balance="100")
    session = nas.start_session(nas.login(user, PASSWORD))
    nas.advance(60)
    provider.stack.kill("postgres")
    provider.stack.kill("freeradius")
    provider.stack.start("freeradius")

    with ThreadPoolExecutor(1) as pool:
        report = pool.submit(nas.advance, 60)
        time.sleep(2)  # It is asked for a while, in vain.
        provider.stack.start("postgres")
        provider.reconnect()
        report.result()

    assert all(delivery.acknowledged for delivery in session.deliveries)
    session.stop()
    provider.folded()
    assert provider.posted(user) == Decimal(98)


@contextmanager
def another_worker(isp: Isp) -> Iterator[subprocess.Popen[bytes]]:
    """Start a second worker beside the stack's own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "billing_core.cli", "worker"],
        cwd=Path(stack.__file__).parents[2],
        env={"PATH": "/usr/bin:/bin", **isp.stack.environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        beats = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
        assert until(lambda: isp.one(beats, "khata-folding") == 2)
        yield process
        assert process.poll() in (None, -9)
    finally:
        process.terminate()
        process.wait()


def test_two_workers_share_the_work(provider: Isp, nas_of: NasOf) -> None:
    with another_worker(provider):
        stream = Stream(provider, nas_of, fresh_id=True)
        stream.run(then=lambda: None)
        stream.check()


def test_one_of_two_workers_killed(provider: Isp, nas_of: NasOf) -> None:
    with another_worker(provider) as other:
        stream = Stream(provider, nas_of, fresh_id=True)
        stream.run(then=other.kill)
        stream.check()


def test_two_workers_put_each_customer_off_once(provider: Isp, nas_of: NasOf) -> None:
    nas = nas_of(provider.stack, quirks=Quirks(honours_limits=False))
    users = [provider.customer(balance="1") for _ in range(20)]

    with another_worker(provider):
        sessions = [nas.start_session(nas.login(u, PASSWORD)) for u in users]
        nas.advance(60)
        assert until(lambda: not any(session.is_live for session in sessions))

    nas.flush()
    provider.folded()
    asked = [str(r.attributes["User-Name"][0]) for r in nas.coa_received]
    assert sorted(asked) == sorted(users)
    assert provider.errors() == []


def test_a_worker_killed_between_sending_and_recording_asks_again(
    provider: Isp, nas_of: NasOf
) -> None:
    """The request left, the worker died before the answer: due after its lease."""
    nas = nas_of(provider.stack, quirks=Quirks(honours_limits=False))
    user = provider.customer(balance="1")
    session = nas.start_session(nas.login(user, PASSWORD))
    provider.folded()
    provider.stack.kill("worker")
    nas.advance(60)
    # As the dead worker would have left it.
    customer_id = provider.customer_id(user)
    session_id = provider.session(user)["session_id"]
    provider.conn.execute(
        "INSERT INTO outbox (customer_id, session_id, nas_id, kind, reason, state,"
        " attempts, first_sent_at, next_attempt_at)"
        " SELECT customer_id, session_id, nas_id, 'disconnect', 'BALANCE_EXHAUSTED',"
        " 'sending', 1, now(), now() + interval '1 second' FROM acct_session"
        " WHERE customer_id = %s AND session_id = %s",
        [customer_id, session_id],
    )
    provider.conn.execute(
        "UPDATE acct_session SET disconnect_requested_at = now()"
        " WHERE customer_id = %s",
        [customer_id],
    )
    provider.stack.start("worker")

    assert until(lambda: not session.is_live)
    assert session.terminate_cause == "Admin-Reset"
