"""Transfers, the queue, the CLI, the shared token and the audit of payments."""

import threading
import time
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing_core.db.attempt_events import list_attempt_events
from billing_core.db.connect import Connection, connect
from billing_core.db.customers import read_customer
from billing_core.db.gateway_tokens import GatewayTokens
from billing_core.db.payments import (
    Attempt,
    TransferWaitsError,
    list_attempts,
)
from billing_core.db.queries import load_queries
from billing_core.gateways.bkash import Token
from billing_core.scheduler import _start_jobs
from billing_core.services.calendar import charge_the_day
from billing_core.services.payments.asking import OtherGatewayError, ask_about
from billing_core.services.payments.deciding import (
    AlreadyDecidedError,
    NothingToDecideError,
    ReasonMissingError,
    approve,
    reject,
)
from billing_core.services.payments.quoting import PaymentError
from billing_core.services.payments.reconciling import reconcile
from billing_core.services.payments.starting import (
    NotStartedError,
    TooManyAttemptsError,
    start_payment,
)
from billing_core.services.payments.transfers import (
    DuplicateTransferError,
    TransferError,
    announce_transfer,
)
from billing_core.services.payments.waiting import list_waiting
from billing_core.settings import load_settings
from tests.builders import (
    KEY,
    NOON,
    a_customer,
    a_daily_package,
    a_hotspot_package,
    at_once,
    audited,
    posted,
    rows,
    username_of,
)
from tests.integration.cli_runner import Khata, khata_for
from tests.integration.test_payment_attacks import (
    SITE,
    ask,
    begin,
    come_back,
    run_reconciler,
    someone,
)
from tests.payment_shops import (
    PUBLIC_URL,
    a_shop,
    a_simulator,
    attempt_of,
    served,
)


def announce(conn: Connection, customer_id: int, **changes: Any) -> Attempt:
    facts: dict[str, Any] = {
        "amount": Decimal("500.00"),
        "sender": "01712345678",
        "transaction_id": "8N7A6B5C4D",
        "purpose": "wallet",
    }
    return announce_transfer(
        conn, customer_id=customer_id, actor="customer", now=NOON, **(facts | changes)
    )


def test_a_transfer_waits_for_a_person_and_is_credited_when_approved(
    conn: Connection,
) -> None:
    customer_id = someone(conn)
    attempt = announce(conn, customer_id)
    assert (attempt.state, attempt.reason) == ("review", "TRANSFER")
    (waiting,) = list_waiting(conn, limit=9)
    assert waiting.not_approvable is None
    assert waiting.comparisons == ()
    assert posted(conn, customer_id) == 0
    approve(conn, attempt.attempt_id, operator="nila", now=NOON)
    assert posted(conn, customer_id) == Decimal("500.00")
    assert rows(conn, "SELECT method, amount, operator FROM payment") == [
        ("transfer", Decimal("500.00"), "nila")
    ]
    assert audited(conn) == []
    with pytest.raises(AlreadyDecidedError, match="nila"):
        reject(conn, attempt.attempt_id, reason="no", operator="rafi", now=NOON)


# As a keyboard that writes Bangla digits types it.
_BANGLA = "8N7A6B5C4D".translate({ord("0") + n: 0x09E6 + n for n in range(10)})


@pytest.mark.parametrize("typed", ["8n7a6b5c4d", " 8N7A 6B5C 4D ", _BANGLA])
def test_a_transaction_id_is_announced_once_however_it_is_typed(
    conn: Connection, typed: str
) -> None:
    announce(conn, someone(conn))
    with pytest.raises(DuplicateTransferError):
        announce(conn, someone(conn), transaction_id=typed)
    assert len(list_attempts(conn, limit=9)) == 1


def test_of_two_who_announce_one_transfer_at_once_one_does(
    conn: Connection, database_url: str
) -> None:
    customers = [someone(conn) for _ in range(4)]
    results = at_once(
        database_url,
        [lambda own, each=each: announce(own, each) for each in customers],  # type: ignore[misc]  # one each
    )
    assert len([each for each in results if isinstance(each, Attempt)]) == 1
    assert all(isinstance(each, Attempt | DuplicateTransferError) for each in results)


def test_a_customer_has_one_transfer_waiting_at_a_time(conn: Connection) -> None:
    customer_id = someone(conn)
    first = announce(conn, customer_id)
    with pytest.raises(TransferWaitsError):
        announce(conn, customer_id, transaction_id="ANOTHERID1")
    reject(conn, first.attempt_id, reason="not found", operator="nila", now=NOON)
    announce(conn, customer_id, transaction_id="ANOTHERID1")


def test_an_id_that_somebody_typed_wrongly_goes_to_whose_it_is(
    conn: Connection,
) -> None:
    thief, owner = someone(conn), someone(conn)
    wrong = announce(conn, thief)
    reject(conn, wrong.attempt_id, reason="not his", operator="nila", now=NOON)
    right = announce(conn, owner)
    (created,) = list_attempt_events(conn, right.attempt_id)
    assert wrong.reference in created.note
    approve(conn, right.attempt_id, operator="nila", now=NOON)
    assert posted(conn, thief) == 0
    assert posted(conn, owner) == Decimal("500.00")
    with pytest.raises(DuplicateTransferError):
        announce(conn, thief)
    assert audited(conn) == []


def test_money_that_a_gateway_took_is_not_announced_as_a_transfer(
    conn: Connection, database_url: str
) -> None:
    shop = a_shop("bkash", database_url)
    customer_id = someone(conn)
    attempt = begin(conn, shop, customer_id)
    shop.pay(attempt)
    come_back(conn, shop, attempt)
    ((trx_id,),) = rows(conn, "SELECT transaction_id FROM gateway_transaction")
    with pytest.raises(DuplicateTransferError):
        announce(conn, customer_id, transaction_id=trx_id.lower())


def test_money_that_was_approved_as_a_transfer_is_not_credited_again_by_its_gateway(
    conn: Connection, database_url: str
) -> None:
    shop = a_shop("bkash", database_url)
    customer_id = someone(conn)
    attempt = begin(conn, shop, customer_id)
    shop.pay(attempt)

    def rename(answer: dict[str, Any]) -> None:
        if answer.get("trxID"):
            answer["trxID"] = "8N7A6B5C4D"

    transfer = announce(conn, customer_id)
    approve(conn, transfer.attempt_id, operator="nila", now=NOON)
    shop.wire.change = rename
    after = come_back(conn, shop, attempt)
    assert (after.state, after.reason) == ("review", "DUPLICATE")
    assert posted(conn, customer_id) == Decimal("500.00")


@pytest.mark.parametrize(
    "changes",
    [
        {"sender": ""},
        {"sender": "somebody"},
        {"transaction_id": ""},
        {"transaction_id": "'; DROP"},
        {"transaction_id": "8N7A6\x00B5C4D"},
    ],
)
def test_a_transfer_that_names_nothing_is_refused(
    conn: Connection, changes: dict[str, str]
) -> None:
    with pytest.raises(TransferError):
        announce(conn, someone(conn), **changes)
    assert list_attempts(conn, limit=9) == []


@pytest.mark.parametrize("amount", ["0", "-5", "0.001"])
def test_an_amount_that_nobody_can_pay_is_refused(
    conn: Connection, amount: str
) -> None:
    with pytest.raises(PaymentError):
        announce(conn, someone(conn), amount=Decimal(amount))


def test_a_rejection_says_why(conn: Connection) -> None:
    attempt = announce(conn, someone(conn))
    with pytest.raises(ReasonMissingError):
        reject(conn, attempt.attempt_id, reason=" ", operator="nila", now=NOON)


def test_what_waits_for_the_customer_is_not_decided_by_an_operator(
    conn: Connection, database_url: str
) -> None:
    shop = a_shop("nagad", database_url)
    attempt = begin(conn, shop, someone(conn))
    with pytest.raises(NothingToDecideError):
        approve(conn, attempt.attempt_id, operator="nila", now=NOON)
    with pytest.raises(NothingToDecideError):
        reject(conn, attempt.attempt_id, reason="no", operator="nila", now=NOON)


def test_a_package_is_bought_with_the_payment_for_it(
    conn: Connection, database_url: str
) -> None:
    shop = a_shop("nagad", database_url)
    package = a_hotspot_package(conn)
    customer_id = a_customer(conn, package)
    ((package_id,),) = rows(
        conn, "SELECT package_id FROM package WHERE name = %s", package
    )
    started = start_payment(
        conn,
        shop.gateway,
        customer_id=customer_id,
        amount=None,
        purpose="package",
        bill_id=None,
        package_id=package_id,
        site=SITE,
        client_address="",
        actor="customer",
        now=NOON,
    )
    (attempt,) = list_attempts(conn, limit=1)
    assert attempt.reference == started.reference
    assert attempt.amount == Decimal("10.00")
    shop.pay(attempt)
    come_back(conn, shop, attempt)
    assert rows(conn, "SELECT package_id FROM subscription WHERE state = 'active'") == [
        (package_id,)
    ]
    assert posted(conn, customer_id) == 0
    assert audited(conn) == []


def test_the_row_is_there_before_the_gateway_hears_of_it(
    conn: Connection, database_url: str
) -> None:
    """A gateway that refuses leaves a failed attempt behind, with its words."""
    shop = a_shop("sslcommerz", database_url)
    with pytest.raises(NotStartedError):
        begin(conn, shop, someone(conn), "5.00")
    (attempt,) = list_attempts(conn, limit=9)
    assert (attempt.state, attempt.next_ask_at) == ("failed", None)
    assert attempt.reason


def test_nobody_begins_to_pay_without_end(conn: Connection, database_url: str) -> None:
    shop = a_shop("nagad", database_url)
    customer_id = someone(conn)
    for _ in range(20):
        begin(conn, shop, customer_id)
    with pytest.raises(TooManyAttemptsError):
        begin(conn, shop, customer_id)


def test_a_gateway_is_asked_only_about_its_own(
    conn: Connection, database_url: str
) -> None:
    shop, other = a_shop("nagad", database_url), a_shop("sslcommerz", database_url)
    attempt = begin(conn, shop, someone(conn))
    with pytest.raises(OtherGatewayError):
        ask(conn, other, attempt)
    transfer = announce(conn, someone(conn))
    with pytest.raises(OtherGatewayError):
        ask_about(
            conn,
            shop.gateway,
            transfer.reference,
            verification="automatic",
            actor="x",
            now=NOON,
        )


def test_paying_restores_service_in_the_same_transaction(
    conn: Connection, database_url: str
) -> None:
    """Verified by a person, a top-up charges today and lets the customer in again."""
    shop = a_shop("bkash", database_url)
    customer_id = a_customer(conn, a_daily_package(conn))
    conn.execute("UPDATE customer SET activated_at = %s", [NOON - timedelta(days=1)])
    charge_the_day(conn, NOON)
    assert read_customer(conn, customer_id).suspend_reason == "BALANCE_EXHAUSTED"
    attempt = begin(conn, shop, customer_id)
    shop.pay(attempt)
    come_back(conn, shop, attempt, verification="operator")
    assert read_customer(conn, customer_id).status == "suspended"
    approve(conn, attempt.attempt_id, operator="nila", now=NOON)
    customer = read_customer(conn, customer_id)
    assert (customer.status, customer.posted) == ("active", Decimal("490.00"))
    assert audited(conn) == []


# One token for all processes ------------------------------------------------------


def a_token(number: int, now: datetime = NOON) -> Token:
    return Token(f"id-{number}", f"refresh-{number}", now + timedelta(hours=1), now)


def test_many_who_need_a_token_have_one_granted(
    conn: Connection, database_url: str
) -> None:
    granted: list[Token | None] = []

    def get(stale: Token | None) -> Token:
        granted.append(stale)
        return a_token(len(granted))

    def work(_own: Connection) -> Token:
        return GatewayTokens(database_url, KEY).token("bkash:1", NOON, get)

    assert at_once(database_url, [work] * 8) == [a_token(1)] * 8
    assert granted == [None]
    tokens = GatewayTokens(database_url, KEY)
    later = NOON + timedelta(minutes=59)
    assert tokens.token("bkash:1", later, get) == a_token(2)
    assert granted[1] == a_token(1)


def test_a_token_that_is_dropped_is_gone_and_a_newer_one_stays(
    conn: Connection, database_url: str
) -> None:
    tokens = GatewayTokens(database_url, KEY)
    tokens.token("bkash:1", NOON, lambda _: a_token(1))
    tokens.drop("bkash:1", a_token(9))
    assert tokens.token("bkash:1", NOON, lambda _: a_token(2)) == a_token(1)
    tokens.drop("bkash:1", a_token(1))
    assert tokens.token("bkash:1", NOON, lambda _: a_token(2)) == a_token(2)


def test_a_stolen_database_holds_no_token(conn: Connection, database_url: str) -> None:
    GatewayTokens(database_url, KEY).token("bkash:1", NOON, lambda _: a_token(1))
    ((sealed,),) = rows(conn, "SELECT sealed FROM gateway_token")
    assert b"id-1" not in sealed
    assert b"refresh-1" not in sealed
    # Another key, or a row that was moved to another account, opens nothing.
    other = GatewayTokens(database_url, bytes(32))
    assert other.token("bkash:1", NOON, lambda _: a_token(3)) == a_token(3)
    conn.execute("UPDATE gateway_token SET account = 'bkash:2'")
    mine = GatewayTokens(database_url, bytes(32))
    assert mine.token("bkash:2", NOON, lambda _: a_token(4)) == a_token(4)


def test_a_renewal_that_fails_leaves_the_lock_and_the_row_alone(
    conn: Connection, database_url: str
) -> None:
    tokens = GatewayTokens(database_url, KEY)

    def fails(_stale: Token | None) -> Token:
        raise OtherGatewayError("x", "y")

    with pytest.raises(OtherGatewayError):
        tokens.token("bkash:1", NOON, fails)
    assert tokens.token("bkash:1", NOON, lambda _: a_token(1)) == a_token(1)


# The audit ------------------------------------------------------------------------

DAMAGES = {
    "attempts_without_payment": (
        "UPDATE payment SET attempt_id = NULL",
        "UPDATE payment_attempt SET state = 'pending'",
        "UPDATE payment SET method = 'nagad'",
    ),
    "money_of_another_attempt": (
        "DELETE FROM gateway_transaction",
        "UPDATE gateway_transaction SET attempt_id ="
        " (SELECT max(attempt_id) FROM payment_attempt)",
    ),
    "payments_unlike_postings": (
        "UPDATE payment SET amount = amount + 1",
        "UPDATE payment SET fee = fee + 1",
    ),
}


def test_the_audit_finds_each_damage_to_payments(
    conn: Connection, database_url: str
) -> None:
    shop = a_shop("sslcommerz", database_url)
    customer_id = someone(conn)
    attempt = begin(conn, shop, customer_id)
    shop.pay(attempt)
    come_back(conn, shop, attempt)
    begin(conn, shop, customer_id)
    assert audited(conn) == []
    for check, damages in DAMAGES.items():
        for damage in damages:
            with conn.transaction(force_rollback=True):
                conn.execute(damage.encode())
                query = load_queries("audit")[check]
                assert conn.execute(query, {"limit": 9}).fetchall(), damage
    assert audited(conn) == []


# The command line -----------------------------------------------------------------


@pytest.fixture
def khata(database_url: str, tmp_path: Path) -> Khata:
    return khata_for(database_url, tmp_path)


def test_a_payment_from_the_command_line_to_the_books(
    khata: Khata, conn: Connection
) -> None:
    customer_id = someone(conn)
    name = username_of(conn, customer_id)
    simulator = a_simulator("sslcommerz")
    with served(simulator.app) as address:
        with khata.config.open("a") as config:
            config.write(f'public_url = "{PUBLIC_URL}"\n')
            for key, value in simulator.settings(address).items():
                config.write(f'{key} = "{value}"\n')
        started = khata.ok(
            "pay", "start", name, "--method", "sslcommerz", "--amount", "500", "--json"
        ).json
        assert started["checkout_url"].startswith(address)
        reference = started["reference"]
        (attempt,) = list_attempts(conn, limit=9)
        assert khata.ok("pay", "verify", "--json").json == []
        assert "pending" in khata.ok("pay", "ask", reference).out
        simulator.pay(attempt)
        assert "confirmed" in khata.ok("pay", "ask", reference).out
    (waiting,) = khata.ok("pay", "verify", "--json").json
    assert waiting["reference"] == reference
    assert waiting["matches"] is True
    assert waiting["differences"] == []
    shown = khata.ok("pay", "show", reference)
    assert "confirmed" in shown.out
    assert "DIFFERS" not in shown.out
    assert reference in khata.ok("pay", "approve", "--all-matching").out
    assert posted(conn, customer_id) == Decimal("500.00")
    told = khata("pay", "reject", reference, "--reason", "no")
    assert told.code == 1
    assert "already: decided by cli:" in told.err
    (listed,) = khata.ok("pay", "list", "--state", "paid", "--json").json
    assert (listed["reference"], listed["amount"]) == (reference, "500.00")
    history = khata.ok("pay", "show", reference, "--json").json["events"]
    assert [each["what"] for each in history][-3:] == ["confirmed", "approved", "paid"]


def test_a_difference_is_marked_for_the_person_who_decides(
    khata: Khata, conn: Connection, database_url: str
) -> None:
    shop = a_shop("bkash", database_url)
    attempt = begin(conn, shop, someone(conn))
    shop.pay(attempt)
    shop.wire.change = lambda answer: answer.update(
        {"amount": "450"} if "amount" in answer else {}
    )
    come_back(conn, shop, attempt)
    (waiting,) = khata.ok("pay", "verify", "--json").json
    assert waiting["differences"] == ["amount"]
    assert "DIFFERS" in khata.ok("pay", "show", attempt.reference.lower()).out
    assert "amount" in khata.ok("pay", "verify").out
    assert "Nothing matching" in khata.ok("pay", "approve", "--all-matching").out
    khata.ok("pay", "reject", attempt.reference, "--reason", "short")
    assert khata.ok("pay", "verify").out == "Nothing waits.\n"


def test_a_transfer_from_the_command_line(khata: Khata, conn: Connection) -> None:
    customer_id = someone(conn)
    words = ["--amount", "500", "--sender", "+880 1712-345678"]
    reference = khata.ok(
        "pay",
        "transfer",
        username_of(conn, customer_id),
        *words,
        "--transaction",
        "8N7A6B5C4D",
        "--json",
    ).json["reference"]
    (waiting,) = khata.ok("pay", "verify", "--json").json
    assert waiting["sender"] == "01712345678"
    assert "8N7A6B5C4D" in khata.ok("pay", "verify").out
    assert khata("pay", "ask", reference).code == 1
    khata.ok("pay", "approve", reference)
    assert posted(conn, customer_id) == Decimal("500.00")


@pytest.mark.parametrize(
    "command",
    [
        ("show", "NOSUCH"),
        ("approve", "NOSUCH"),
        ("reject", "NOSUCH", "--reason", "x"),
        ("ask", "NOSUCH"),
        ("approve",),
        ("approve", "NOSUCH", "--all-matching"),
        ("list", "--username", "nobody"),
    ],
)
def test_a_wrong_command_is_told_in_a_line(
    khata: Khata, command: tuple[str, ...]
) -> None:
    told = khata("pay", *command)
    assert told.code in (1, 2)
    assert "Error" in told.err


def test_a_method_that_is_not_set_up_says_so(khata: Khata, conn: Connection) -> None:
    name = username_of(conn, someone(conn))
    told = khata("pay", "start", name, "--method", "bkash", "--amount", "5")
    assert told.code == 1
    assert "KHATA_BKASH" in told.err
    assert list_attempts(conn, limit=1) == []


# The reconciler -------------------------------------------------------------------


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
