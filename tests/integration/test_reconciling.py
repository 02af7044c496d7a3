"""The reconciler: gateways that hang or are down, and the job that asks."""

import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from billing_core.db.connect import Connection, connect
from billing_core.db.payments import list_attempts
from billing_core.scheduler import _start_jobs
from billing_core.services.payments.reconciling import reconcile
from billing_core.settings import load_settings
from tests.builders import NOON, username_of
from tests.integration.cli_runner import Khata, khata_for
from tests.integration.gateway_attempts import begin, run_reconciler, someone
from tests.payment_shops import PUBLIC_URL, a_shop, a_simulator, attempt_of, served


@pytest.fixture
def khata(database_url: str, tmp_path: Path) -> Khata:
    return khata_for(database_url, tmp_path)


def test_a_gateway_that_hangs_keeps_no_other_waiting(
    conn: Connection, database_url: str
) -> None:
    slow, quick = a_shop("nagad", database_url), a_shop("sslcommerz", database_url)
    customer_id = someone(conn)
    attempts = [begin(conn, shop, customer_id) for shop in (slow, quick)]
    for shop, attempt in zip((slow, quick), attempts, strict=True):
        shop.pay(attempt)
    hangs, may_answer = threading.Event(), threading.Event()

    def hang() -> None:
        hangs.set()
        may_answer.wait(60)

    slow.wire.on_answer = hang
    pass_ = threading.Thread(
        target=reconcile,
        args=(
            lambda: connect(database_url, application="reconciler"),
            [slow.gateway, quick.gateway],
        ),
        kwargs={
            "verification": {"nagad": "automatic", "sslcommerz": "automatic"},
            "now": NOON + timedelta(minutes=2),
        },
    )
    pass_.start()
    try:
        assert hangs.wait(60)
        deadline = time.monotonic() + 60
        while attempt_of(conn, attempts[1].reference).state != "paid":
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert attempt_of(conn, attempts[0].reference).state == "pending"
        # While it hangs, nobody holds a lock that others of this customer need.
        conn.execute("SELECT FROM wallet FOR UPDATE NOWAIT")
        conn.execute("SELECT FROM payment_attempt FOR UPDATE NOWAIT")
    finally:
        may_answer.set()
        pass_.join()
    assert attempt_of(conn, attempts[0].reference).state == "paid"


def test_a_gateway_that_is_down_is_left_alone_until_the_next_pass(
    conn: Connection, database_url: str
) -> None:
    shop = a_shop("nagad", database_url)
    customer_id = someone(conn)
    for _ in range(6):
        begin(conn, shop, customer_id)
    shop.wire.loses = 10**6
    done = run_reconciler(database_url, shop)[shop.gateway.name]
    assert (done.asked, done.unanswered) == (3, 3)


def test_the_leading_scheduler_asks_each_gateway_in_a_job_of_its_own(
    khata: Khata, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator = a_simulator("sslcommerz")
    with served(simulator.app) as address:
        settings = {"public_url": PUBLIC_URL, **simulator.settings(address)}
        with khata.config.open("a") as config:
            config.write('sslcommerz_verification = "automatic"\n')
            for key, value in settings.items():
                config.write(f'{key} = "{value}"\n')
        name = username_of(conn, someone(conn))
        words = ("--method", "sslcommerz", "--amount", "500")
        khata.ok("pay", "start", name, *words)
        (attempt,) = list_attempts(conn, limit=9)
        simulator.pay(attempt)
        conn.execute("UPDATE payment_attempt SET next_ask_at = now()")
        monkeypatch.setenv("KHATA_CONFIG", str(khata.config))
        jobs = _start_jobs(load_settings())
        try:
            deadline = time.monotonic() + 60
            while attempt_of(conn, attempt.reference).state != "paid":
                assert time.monotonic() < deadline
                time.sleep(0.05)
        finally:
            jobs.shutdown(wait=True)
