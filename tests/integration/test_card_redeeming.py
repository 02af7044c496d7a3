"""A PIN is worth its money once, whoever comes; and nobody learns more of it."""

import hashlib
import hmac
import logging
import queue
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from billing_core.cards import CardKey, CardKeys, Outcome, pin_of, read_pin
from billing_core.db import cards as db
from billing_core.db.connect import Connection, connect
from billing_core.db.customers import read_customer, read_subscription
from billing_core.db.queries import load_queries
from billing_core.services.audit import audit
from billing_core.services.calendar import charge_the_day
from billing_core.services.cards.batches import activate, void
from billing_core.services.cards.redeeming import Redemption
from billing_core.services.wallets import reverse_entry
from tests.builders import (
    NOON,
    a_customer,
    a_daily_package,
    a_hotspot_package,
    a_package,
    audited,
    posted,
    rows,
    username_of,
)
from tests.cards import (
    CARD_KEYS,
    a_batch,
    activate_all,
    pins_of,
    print_cards,
    try_pin,
)

MANY = 200
AT_ONCE = 16
REFUSED = Redemption(Outcome.UNKNOWN)


@pytest.fixture
def customer_id(conn: Connection) -> int:
    return a_customer(conn, a_package(conn))


def outcomes(conn: Connection) -> list[str]:
    return [
        outcome
        for (outcome,) in rows(conn, "SELECT outcome FROM card_try ORDER BY try_id")
    ]


def race(database_url: str, customers: list[int], pin: str) -> list[Any]:
    """Try one PIN from as many threads, over a few connections that they share."""
    idle: queue.SimpleQueue[Connection] = queue.SimpleQueue()
    results: list[Any] = [None] * len(customers)
    barrier = threading.Barrier(len(customers))

    def run(number: int) -> None:
        barrier.wait(60)
        own = idle.get(timeout=60)
        try:
            results[number] = try_pin(own, customers[number], pin)
        except BaseException as error:  # noqa: BLE001 - handed to the test
            results[number] = error
        finally:
            idle.put(own)

    with ExitStack() as opened:
        for _ in range(AT_ONCE):
            idle.put(opened.enter_context(connect(database_url, application="tests")))
        threads = [
            threading.Thread(target=run, args=(number,))
            for number in range(len(customers))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return results


def test_what_the_seller_keeps_is_an_expense_and_he_owes_the_rest(
    conn: Connection, customer_id: int, tmp_path: Path
) -> None:
    (pin,) = pins_of(conn, tmp_path, commission_percent=Decimal("2.5"))
    booked = (
        "SELECT ledger_account, sum(amount) FROM posting"
        " WHERE ledger_account <> 'wallet' GROUP BY 1 ORDER BY 1"
    )
    # As long as it is not used nobody owes anything.
    assert rows(conn, booked) == []

    try_pin(conn, customer_id, pin)

    assert posted(conn, customer_id) == Decimal("100.00")
    assert rows(conn, booked) == [
        ("card", Decimal("97.50")),
        ("card_commission", Decimal("2.50")),
    ]
    assert rows(conn, "SELECT amount, fee FROM payment") == [
        (Decimal("100.00"), Decimal("2.50"))
    ]
    assert audit(conn) == []
    ((entry_id,),) = rows(conn, "SELECT entry_id FROM payment")
    reverse_entry(
        conn,
        username_of(conn, customer_id),
        entry_id,
        reason="the wrong customer's",
        operator="nila",
        now=NOON,
    )
    assert {total for _account, total in rows(conn, booked)} == {Decimal(0)}


def test_a_card_is_money_in_the_wallet_with_entry_payment_and_log(
    conn: Connection, customer_id: int, tmp_path: Path
) -> None:
    (pin,) = pins_of(conn, tmp_path)
    serial = rows(conn, "SELECT serial FROM card")[0][0]

    done = try_pin(conn, customer_id, pin, client_address="10.0.0.9")

    assert done == Redemption(Outcome.CREDITED, serial, Decimal("100.00"))
    assert posted(conn, customer_id) == Decimal("100.00")
    assert rows(
        conn,
        "SELECT p.method, p.amount, p.operator, e.kind, e.idempotency_key,"
        " l.ledger_account, l.amount FROM payment p"
        " JOIN ledger_entry e USING (customer_id, entry_id)"
        " JOIN posting l USING (customer_id, entry_id) ORDER BY l.line_no",
    ) == [
        ("card", 100, "test", "top_up", f"card:{serial}", "card", Decimal(100)),
        ("card", 100, "test", "top_up", f"card:{serial}", "wallet", Decimal(-100)),
    ]
    assert rows(
        conn, "SELECT outcome, serial, host(client_address), actor FROM card_try"
    ) == [("credited", serial, "10.0.0.9", "test")]
    used = db.read_card(conn, serial, now=NOON)
    assert (used.state, used.used_by) == ("used", username_of(conn, customer_id))
    assert audit(conn) == []


def test_a_pin_in_bangla_digits_is_the_same_pin(
    conn: Connection, customer_id: int, tmp_path: Path
) -> None:
    (pin,) = pins_of(conn, tmp_path)
    bangla = pin.translate(str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯")).replace(" ", "-")
    assert try_pin(conn, customer_id, bangla).is_credited


def test_two_hundred_who_redeem_one_pin_make_one_credit(
    conn: Connection, database_url: str, tmp_path: Path
) -> None:
    package = a_package(conn)
    customers = [a_customer(conn, package) for _ in range(MANY)]
    (pin,) = pins_of(conn, tmp_path)

    results = race(database_url, customers, pin)

    credited = [r for r in results if isinstance(r, Redemption) and r.is_credited]
    assert len(credited) == 1, results
    assert results.count(REFUSED) == MANY - 1
    assert rows(conn, "SELECT count(*), sum(amount) FROM payment") == [(1, 100)]
    assert rows(conn, "SELECT sum(posted) FROM wallet") == [(100,)]
    assert rows(conn, "SELECT count(*) FROM card_try") == [(MANY,)]
    assert audit(conn) == []


def test_two_hundred_tries_of_one_customer_make_one_credit(
    conn: Connection, database_url: str, customer_id: int, tmp_path: Path
) -> None:
    """Somebody presses the button until it works: he is told, not locked out."""
    (pin,) = pins_of(conn, tmp_path)

    results = race(database_url, [customer_id] * MANY, pin)

    assert sum(isinstance(r, Redemption) and r.is_credited for r in results) == 1
    told = {r.outcome for r in results if isinstance(r, Redemption)}
    assert told == {Outcome.CREDITED, Outcome.REPEATED}, results
    assert posted(conn, customer_id) == Decimal(100)
    assert audited(conn) == []


def test_a_card_restores_who_was_cut_for_his_balance(
    conn: Connection, tmp_path: Path
) -> None:
    customer_id = a_customer(conn, a_daily_package(conn))
    tomorrow = NOON + timedelta(days=1)
    charge_the_day(conn, tomorrow)
    assert read_customer(conn, customer_id).status == "suspended"
    (pin,) = pins_of(conn, tmp_path)

    assert try_pin(conn, customer_id, pin, now=tomorrow).is_credited

    assert read_customer(conn, customer_id).status == "active"
    # Today is charged, for a thirtieth of 300.00.
    assert posted(conn, customer_id) == Decimal("90.00")
    assert audit(conn) == []


def test_a_package_card_buys_its_package(conn: Connection, tmp_path: Path) -> None:
    package = a_hotspot_package(conn, price=Decimal(30))
    customer_id = a_customer(conn, package)
    first, second = pins_of(conn, tmp_path, 2, package=package)

    done = try_pin(conn, customer_id, first)

    assert (done.amount, done.package, done.not_bought) == (30, package, "")
    assert posted(conn, customer_id) == 0
    bought = read_subscription(conn, customer_id)
    assert bought is not None
    assert bought.valid_until == NOON + timedelta(days=1)
    assert try_pin(conn, customer_id, second).is_credited
    bought = read_subscription(conn, customer_id)
    assert bought is not None
    assert bought.valid_until == NOON + timedelta(days=2)
    assert audit(conn) == []


def test_money_stays_in_the_wallet_when_the_package_has_become_dearer(
    conn: Connection, tmp_path: Path
) -> None:
    package = a_hotspot_package(conn, price=Decimal(30))
    customer_id = a_customer(conn, package)
    (pin,) = pins_of(conn, tmp_path, package=package)
    conn.execute("UPDATE package SET price = 31 WHERE name = %s", [package])

    done = try_pin(conn, customer_id, pin)

    assert done.is_credited
    assert "needs 31.00 and has 30.00" in done.not_bought
    assert posted(conn, customer_id) == Decimal("30.00")
    assert read_subscription(conn, customer_id) is None
    (note,) = rows(
        conn, "SELECT note FROM customer_event WHERE what = 'card redeemed'"
    )[0]
    assert "not bought" in note
    assert audit(conn) == []


def test_a_hotspot_card_does_not_replace_another_kind_of_service(
    conn: Connection, tmp_path: Path
) -> None:
    daily = a_daily_package(conn)
    customer_id = a_customer(conn, daily)
    (pin,) = pins_of(conn, tmp_path, package=a_hotspot_package(conn))

    done = try_pin(conn, customer_id, pin)

    assert done.is_credited
    assert "hotspot customers, not pppoe" in done.not_bought
    assert read_customer(conn, customer_id).package == daily
    assert posted(conn, customer_id) == Decimal("10.00")


@contextmanager
def what_is_sent(conn: Connection) -> Iterator[list[tuple[str, str]]]:
    """Record every statement and its parameters."""
    sent: list[tuple[str, str]] = []

    class Recorder(psycopg.Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
            sent.append((str(query), repr(params)))
            return super().execute(query, params, **options)

    usual = conn.cursor_factory
    conn.cursor_factory = Recorder
    try:
        yield sent
    finally:
        conn.cursor_factory = usual


def refused_pins(conn: Connection, folder: Path, other: int) -> dict[Outcome, str]:
    """A PIN for each thing that may be the matter with a card."""
    batch = a_batch(conn, 4)
    pins = print_cards(conn, batch, folder)
    first = batch.serial_first
    activate(conn, first, first + 1, actor="x", note="", now=NOON)
    void(conn, first + 1, first + 1, reason="lost", actor="x", now=NOON)
    assert try_pin(conn, other, pins[first]).is_credited
    old = a_batch(conn, 1, expires_at=NOON + timedelta(days=1))
    printed = print_cards(conn, old, folder)
    activate_all(conn, old)
    conn.execute(
        "UPDATE card_batch SET expires_at = %s WHERE batch_id = %s",
        [NOON, old.batch_id],
    )
    return {
        Outcome.UNKNOWN: pin_of(1),
        Outcome.USED: pins[first],
        Outcome.VOID: pins[first + 1],
        Outcome.INACTIVE: pins[first + 2],
        Outcome.EXPIRED: printed[old.serial_first],
    }


def test_who_is_refused_learns_nothing_and_costs_the_same_work(
    conn: Connection, customer_id: int, tmp_path: Path
) -> None:
    """One answer by the same statements: neither words nor time tell cards apart."""
    other = a_customer(conn, a_package(conn))
    work: dict[Outcome, list[str]] = {}
    for outcome, pin in refused_pins(conn, tmp_path, other).items():
        guesser = a_customer(conn, a_package(conn))
        with what_is_sent(conn) as sent:
            assert try_pin(conn, guesser, pin, client_address="10.0.0.1") == REFUSED
        work[outcome] = [query for query, _ in sent]
        assert outcomes(conn)[-1] == outcome
        assert posted(conn, guesser) == 0

    assert len(work) == 5
    assert len(work[Outcome.UNKNOWN]) >= 5
    for outcome, statements in work.items():
        assert statements == work[Outcome.UNKNOWN], outcome


def test_a_pin_leaves_this_process_only_as_a_hash(
    conn: Connection,
    customer_id: int,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    batch = a_batch(conn, 2)
    with what_is_sent(conn) as sent:
        pins = print_cards(conn, batch, tmp_path)
        activate_all(conn, batch)
        for pin in pins.values():
            try_pin(conn, customer_id, pin)
            try_pin(conn, customer_id, pin)
        with pytest.raises(Exception, match="printed by"):
            print_cards(conn, batch, tmp_path.parent)
    said = "".join(capfd.readouterr()) + caplog.text + repr(sent) + everything(conn)
    for pin in pins.values():
        assert pin not in said
        assert pin.replace(" ", "") not in said


def everything(conn: Connection) -> str:
    """Return what somebody has who got hold of the database."""
    tables = rows(
        conn,
        "SELECT quote_ident(table_name) FROM information_schema.tables"
        " WHERE table_schema = 'public' AND table_type = 'BASE TABLE'",
    )
    return "\n".join(
        str(row)
        for (table,) in tables
        for row in rows(conn, f"SELECT t::text FROM {table} t")  # noqa: S608 - ours
    )


def test_a_leaked_database_gives_no_pin_to_who_has_no_key(
    conn: Connection, customer_id: int, tmp_path: Path
) -> None:
    """Not in clear, not under a hash that can be tried, not for another key."""
    pins = pins_of(conn, tmp_path, 20)
    leaked = everything(conn)
    assert leaked.count("card_pin") == 0
    kept = {bytes(mac) for (mac,) in rows(conn, "SELECT pin_mac FROM card_pin")}
    (key_id,) = rows(conn, "SELECT DISTINCT key_id FROM card_pin")[0]
    assert len(kept) == 20
    for pin in pins:
        digits = read_pin(pin)
        assert digits is not None
        assert pin not in leaked
        assert digits not in leaked
        assert digits[:16] not in leaked
        for name in ("md5", "sha1", "sha256", "sha512", "blake2b", "sha3_256"):
            for text in (digits, digits[:16], pin):
                assert hashlib.new(name, text.encode()).digest()[:32] not in kept
                for guess in (b"", key_id.encode(), bytes.fromhex(key_id), bytes(32)):
                    mac = hmac.new(guess, text.encode(), "sha256").digest()
                    assert mac not in kept
    foreign = CardKeys(CardKey(bytes(range(1, 33))))
    assert try_pin(conn, customer_id, pins[0], keys=foreign) == REFUSED
    assert try_pin(conn, customer_id, pins[0]).is_credited


def test_cards_of_an_old_key_are_redeemed_after_a_new_key_was_taken(
    conn: Connection, customer_id: int, tmp_path: Path
) -> None:
    old_pin, forgotten = pins_of(conn, tmp_path, 2)
    new = CardKey(b"new key, of thirty-two octets...")
    both, without = CardKeys(new, (CARD_KEYS.current,)), CardKeys(new)

    assert try_pin(conn, customer_id, forgotten, keys=without) == REFUSED
    assert try_pin(conn, customer_id, old_pin, keys=both).is_credited
    batch = a_batch(conn)
    (new_pin,) = print_cards(conn, batch, tmp_path, keys=both).values()
    activate_all(conn, batch)
    assert try_pin(conn, customer_id, new_pin, keys=both).is_credited
    assert rows(conn, "SELECT count(DISTINCT key_id) FROM card_pin") == [(2,)]


def damaged(conn: Connection, statement: str, *values: object) -> list[str]:
    """Damage the books for a moment, and return the checks of cards that see it."""
    seen = []
    with conn.transaction(force_rollback=True):
        conn.execute(statement.encode(), values)
        for check in ("cards_unlike_payments", "card_payments_without_card"):
            query = load_queries("audit")[check]
            if conn.execute(query, {"limit": 9}).fetchall():
                seen.append(check)
    return seen


def test_the_audit_sees_cards_and_payments_that_do_not_belong_together(
    conn: Connection, customer_id: int, tmp_path: Path
) -> None:
    pins = pins_of(conn, tmp_path, 2)
    assert try_pin(conn, customer_id, pins[0]).is_credited
    stranger = a_customer(conn, a_package(conn))
    both = ["cards_unlike_payments", "card_payments_without_card"]

    assert damaged(conn, "SELECT 1") == []
    assert damaged(conn, "DELETE FROM payment") == both[:1]
    assert damaged(conn, "UPDATE payment SET amount = 99") == both[:1]
    assert damaged(conn, "UPDATE payment SET method = 'cash'") == both[:1]
    unused = "UPDATE card SET state = 'active', used_by = NULL, used_at = NULL"
    assert damaged(conn, unused) == both[1:]
    stolen = "UPDATE card SET used_by = %s WHERE state = 'used'"
    assert damaged(conn, stolen, stranger) == both
    unpaid = (
        "UPDATE card SET state = 'used', used_at = now(), used_by = %s"
        " WHERE state = 'active'"
    )
    assert damaged(conn, unpaid, customer_id) == both[:1]


def test_the_database_lets_no_card_be_used_by_nobody(
    conn: Connection, tmp_path: Path
) -> None:
    pins_of(conn, tmp_path)
    with pytest.raises(psycopg.errors.CheckViolation, match="card_use_is_whole"):
        conn.execute("UPDATE card SET state = 'used'")
    with pytest.raises(psycopg.Error, match="append-only"):
        conn.execute("DELETE FROM card_try")
    with pytest.raises(psycopg.Error, match="append-only"):
        conn.execute("UPDATE card_event SET actor = 'nobody'")
