"""Many at the same moment, and processes that die: credited exactly once."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from billing_core.db.connect import Connection
from billing_core.services.payments.deciding import (
    AlreadyDecidedError,
    NothingToDecideError,
    approve,
    reject,
)
from billing_core.services.payments.hints import take_hint
from tests.builders import NOON, at_once, audited, posted, rows
from tests.integration.gateway_attempts import (
    FULL,
    SOON,
    begin,
    come_back,
    entries,
    run_reconciler,
    someone,
)
from tests.payment_shops import (
    NAMES,
    Shop,
    a_shop,
    a_simulator,
    attempt_of,
    gateway_of,
    served,
)


@pytest.fixture(params=NAMES)
def shop(request: pytest.FixtureRequest, database_url: str) -> Shop:
    return a_shop(request.param, database_url)


@pytest.mark.parametrize("verification", ["operator", "automatic"])
def test_fifty_callbacks_a_reconciler_and_an_operator_at_once_credit_once(
    conn: Connection, shop: Shop, database_url: str, verification: str
) -> None:
    customer_id = someone(conn)
    attempt = begin(conn, shop, customer_id)
    shop.pay(attempt)
    hint = shop.hint(attempt)

    def callback(own: Connection) -> str:
        after = take_hint(
            own,
            shop.gateway,
            hint,
            verification=verification,
            actor="web",
            now=SOON,
        )
        return "" if after is None else after.state

    def reconciler(_own: Connection) -> str:
        run_reconciler(database_url, shop, verification=verification)
        return "reconciled"

    def operator(own: Connection) -> str:
        while True:
            try:
                approve(own, attempt.attempt_id, operator="nila", now=SOON)
            except NothingToDecideError:
                continue
            except AlreadyDecidedError:
                return "late"
            return "approved"

    calls = len(shop.wire.told)
    results = at_once(database_url, [callback] * 50 + [reconciler, operator])
    assert not [each for each in results if isinstance(each, BaseException)]
    assert set(results[:50]) <= {"confirmed", "paid", "pending"}
    # Those who waited for the first one's answer had no need to ask for it again.
    assert len(shop.wire.told) - calls < 20
    assert entries(conn) == [(customer_id, FULL)]
    assert rows(conn, "SELECT count(*) FROM payment") == [(1,)]
    assert posted(conn, customer_id) == FULL
    assert attempt_of(conn, attempt.reference).state == "paid"
    assert audited(conn) == []
    if shop.gateway.name == "bkash":
        assert shop.simulator.state.calls["execute"] == 1  # type: ignore[attr-defined]  # bKash's only


def test_of_two_operators_one_decides_and_the_other_is_told_who(
    conn: Connection, shop: Shop, database_url: str
) -> None:
    customer_id = someone(conn)
    attempt = begin(conn, shop, customer_id)
    shop.pay(attempt)
    come_back(conn, shop, attempt, verification="operator")

    def deciding(name: str, approves: bool) -> Callable[[Connection], str]:
        def work(own: Connection) -> str:
            if approves:
                approve(own, attempt.attempt_id, operator=name, now=NOON)
            else:
                reject(own, attempt.attempt_id, reason="no", operator=name, now=NOON)
            return name

        return work

    results = at_once(database_url, [deciding("nila", True), deciding("rafi", False)])
    winners = [each for each in results if isinstance(each, str)]
    losers = [each for each in results if isinstance(each, AlreadyDecidedError)]
    assert len(winners) == len(losers) == 1
    assert losers[0].decided_by == winners[0]
    assert winners[0] in str(losers[0])
    after = attempt_of(conn, attempt.reference)
    assert after.decided_by == winners[0]
    assert entries(conn) == ([(customer_id, FULL)] if winners == ["nila"] else [])


@pytest.mark.parametrize("name", NAMES)
def test_a_process_killed_between_the_answer_and_the_commit_is_made_up_for(
    conn: Connection, database_url: str, name: str, tmp_path: Path
) -> None:
    simulator = a_simulator(name)
    with served(simulator.app) as address:
        values = simulator.settings(address)
        client = httpx.Client()
        shop = Shop(
            gateway_of(name, values, database_url, client),
            simulator,
            None,  # type: ignore[arg-type]  # a real wire: loopback
        )
        customer_id = someone(conn)
        attempt = begin(conn, shop, customer_id)
        shop.pay(attempt)
        told = subprocess.run(
            [
                sys.executable,
                "-m",
                "tests.integration.killed_asker",
                database_url,
                name,
                attempt.reference,
            ],
            input=json.dumps(values),
            text=True,
            capture_output=True,
            timeout=60,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            check=False,
        )
        assert told.returncode == -signal.SIGKILL, told.stderr
        # The gateway has taken the money; nothing of it is in the books.
        assert entries(conn) == []
        assert rows(conn, "SELECT count(*) FROM gateway_transaction") == [(0,)]
        assert attempt_of(conn, attempt.reference).state == "pending"
        run_reconciler(database_url, shop)
        assert attempt_of(conn, attempt.reference).state == "paid"
        assert entries(conn) == [(customer_id, FULL)]
        assert audited(conn) == []
        client.close()


def test_several_reconcilers_share_the_work(
    conn: Connection, shop: Shop, database_url: str
) -> None:
    customer_id = someone(conn)
    attempts = [begin(conn, shop, customer_id, f"{n}.00") for n in range(20, 32)]
    for attempt in attempts:
        shop.pay(attempt)
    total = 0
    lock = threading.Lock()

    def work(_own: Connection) -> int:
        done = run_reconciler(database_url, shop)[shop.gateway.name]
        nonlocal total
        with lock:
            total += done.paid
        return int(done.asked)

    asked = at_once(database_url, [work] * 3)
    assert sum(each for each in asked if isinstance(each, int)) == len(attempts)
    assert total == len(attempts)
    assert posted(conn, customer_id) == sum(range(20, 32))
    assert audited(conn) == []
