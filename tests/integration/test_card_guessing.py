"""Whoever guesses PINs is slowed for longer and longer, and the doctor tells of it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from billing_core.cards import CardKey, CardKeys, Outcome, pin_of
from billing_core.db.card_tries import list_tries
from billing_core.db.connect import Connection
from billing_core.services.cards.redeeming import Redemption
from billing_core.settings import Settings
from billing_core.stack.doctor_cards import check_card_guessing, check_card_keys
from billing_core.stack.findings import FAIL, OK, Patient
from billing_core.stack.layout import Layout
from billing_core.stack.state import State
from tests.builders import NOON, a_customer, a_package, at_once, posted, rows
from tests.cards import CARD_KEYS, DHAKA, pins_of, try_pin

MINUTE = timedelta(minutes=1)
QUARTER = timedelta(minutes=15)


@pytest.fixture
def customer_id(conn: Connection) -> int:
    return a_customer(conn, a_package(conn))


def guess(
    conn: Connection, customer_id: int, times: int, now: datetime = NOON, **who: str
) -> list[Outcome]:
    return [
        try_pin(conn, customer_id, pin_of(number), now=now, **who).outcome
        for number in range(times)
    ]


def test_after_five_wrong_cards_even_the_right_one_is_not_looked_at(
    conn: Connection, customer_id: int, tmp_path: Path
) -> None:
    (pin,) = pins_of(conn, tmp_path)
    assert guess(conn, customer_id, 5) == [Outcome.UNKNOWN] * 5

    locked = try_pin(conn, customer_id, pin, now=NOON + QUARTER - MINUTE)

    assert locked == Redemption(Outcome.LOCKED, locked_until=NOON + QUARTER)
    assert posted(conn, customer_id) == 0
    assert try_pin(conn, customer_id, pin, now=NOON + QUARTER).is_credited


def test_who_goes_on_is_locked_longer(conn: Connection, customer_id: int) -> None:
    guess(conn, customer_id, 5)
    guess(conn, customer_id, 5, NOON + QUARTER)
    second = try_pin(conn, customer_id, pin_of(9), now=NOON + 2 * QUARTER)
    assert second.locked_until == NOON + QUARTER + timedelta(hours=1)


def test_tries_at_once_are_counted_one_after_the_other(
    conn: Connection, database_url: str, customer_id: int
) -> None:
    """A burst gets no more guesses through than a queue."""

    def guesser(number: int) -> Callable[[Connection], Outcome]:
        return lambda own: try_pin(own, customer_id, pin_of(number)).outcome

    results = at_once(database_url, [guesser(number) for number in range(24)])

    assert results.count(Outcome.UNKNOWN) == 5, results
    assert results.count(Outcome.LOCKED) == 19


def test_an_address_with_many_customers_is_locked_at_twenty(
    conn: Connection, customer_id: int
) -> None:
    package = a_package(conn)
    for _ in range(5):
        other = a_customer(conn, package)
        found = guess(conn, other, 4, client_address="10.9.8.7")
        assert found == [Outcome.UNKNOWN] * 4

    assert guess(conn, customer_id, 1, client_address="10.9.8.7") == [Outcome.LOCKED]
    assert guess(conn, customer_id, 1, client_address="10.9.8.8") == [Outcome.UNKNOWN]


def test_a_distributor_is_locked_wherever_he_is(
    conn: Connection, customer_id: int
) -> None:
    package = a_package(conn)
    for number in range(10):
        other = a_customer(conn, package)
        guess(conn, other, 3, distributor="Kiosk", client_address=f"10.0.1.{number}")

    found = guess(conn, customer_id, 1, distributor="Kiosk", client_address="10.0.2.1")
    assert found == [Outcome.LOCKED]
    assert guess(conn, customer_id, 1, distributor="Shop") == [Outcome.UNKNOWN]


def test_a_used_card_of_his_own_is_no_guess(
    conn: Connection, customer_id: int, tmp_path: Path
) -> None:
    (pin,) = pins_of(conn, tmp_path)
    assert try_pin(conn, customer_id, pin).is_credited
    told = {try_pin(conn, customer_id, pin).outcome for _ in range(12)}
    assert told == {Outcome.REPEATED}


def test_mistyped_pins_are_told_and_count_half(
    conn: Connection, customer_id: int
) -> None:
    for _ in range(10):
        found = try_pin(conn, customer_id, "1234 5678 9012 3456 0")
        assert found.outcome == Outcome.MISTYPED
    assert guess(conn, customer_id, 1) == [Outcome.LOCKED]


def test_every_try_is_recorded_with_what_was_the_matter(
    conn: Connection, customer_id: int, tmp_path: Path
) -> None:
    (pin,) = pins_of(conn, tmp_path)
    try_pin(conn, customer_id, "no pin", client_address="2001:db8::1")
    guess(conn, customer_id, 1, distributor="Kiosk")
    try_pin(conn, customer_id, pin)
    guess(conn, customer_id, 5)

    found = list_tries(conn, customer_id=customer_id, bad_only=False, limit=99)
    assert [seen.outcome for seen in reversed(found)] == [
        *("mistyped", "unknown", "credited"),
        *("unknown", "unknown", "unknown", "unknown", "locked"),
    ]
    assert (found[-1].client_address, found[-2].distributor) == ("2001:db8::1", "Kiosk")
    bad = list_tries(conn, customer_id=None, bad_only=True, limit=99)
    assert len(bad) == 7


def a_patient(conn: Connection, keys: CardKeys | None = CARD_KEYS) -> Patient:
    settings = Settings(
        database_url="postgresql://nowhere",
        secret_key=bytes(32),
        currency="BDT",
        zone=DHAKA,
        var_dir=Path("/nowhere"),
        web_host="127.0.0.1",
        web_port=1,
        log_level="INFO",
        card_keys=keys,
    )
    layout = Layout(Path("/nowhere"))
    return Patient(layout, State(), settings, "", conn, "", False, "secret")


def test_the_doctor_tells_of_guessing_by_ever_new_customers(
    conn: Connection, tmp_path: Path
) -> None:
    """No customer and no address reaches a limit: the ratio gives them away."""
    now = datetime.now(UTC)
    package = a_package(conn)
    (pin,) = pins_of(conn, tmp_path)
    [calm] = check_card_guessing(a_patient(conn))
    assert (calm.state, calm.found) == (OK, "0 wrong, 0 right in the last hour")
    customers = [a_customer(conn, package) for _ in range(30)]
    assert try_pin(conn, customers[0], pin, now=now).is_credited
    for number, guesser in enumerate(customers):
        guess(conn, guesser, 1, now, client_address=f"10.3.{number}.1")
        if number == 28:
            assert check_card_guessing(a_patient(conn))[0].state == OK

    [alarm] = check_card_guessing(a_patient(conn))

    assert (alarm.state, alarm.found) == (FAIL, "30 wrong, 1 right in the last hour")
    assert "khata card tries --bad" in alarm.mend


def test_the_doctor_forgets_what_is_older_than_an_hour(
    conn: Connection, customer_id: int
) -> None:
    guess(conn, customer_id, 40, datetime.now(UTC) - timedelta(minutes=61))
    assert check_card_guessing(a_patient(conn))[0].state == OK


def test_the_doctor_tells_which_cards_cannot_be_found_for_want_of_a_key(
    conn: Connection, customer_id: int, tmp_path: Path
) -> None:
    assert check_card_keys(a_patient(conn, None))[0].state == OK
    pins = pins_of(conn, tmp_path, 3)
    assert check_card_keys(a_patient(conn))[0].state == OK
    new = CardKeys(CardKey(bytes(32)))
    rotated = replace(new, old=(CARD_KEYS.current,))
    assert check_card_keys(a_patient(conn, rotated))[0].state == OK

    try_pin(conn, customer_id, pins[0])
    for keys in (new, None):
        [finding] = check_card_keys(a_patient(conn, keys))
        assert finding.state == FAIL
        assert finding.found.startswith("2 cards cannot be redeemed")
        assert CARD_KEYS.current.key_id in finding.found
    assert rows(conn, "SELECT count(*) FROM card WHERE state = 'used'") == [(1,)]
