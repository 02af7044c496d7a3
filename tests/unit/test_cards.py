"""PINs: how they are written, read and kept; and when guessing is stopped."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_core.card_settings import CardSettingError, read_card_keys
from billing_core.cards import (
    LIMITS,
    PIN_DIGITS,
    STRIKES,
    CardKey,
    CardKeys,
    Guard,
    Outcome,
    grouped,
    is_alarming,
    pin_mac,
    pin_of,
    read_pin,
    strike,
    subjects_of,
    why_refused,
)

T0 = datetime(2026, 11, 24, 6, tzinfo=UTC)
NUMBERS = st.integers(0, 10**16 - 1)
KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
OTHER_KEY = "Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA="


def test_the_check_digit_is_luhn_as_cards_have_it() -> None:
    """ISO/IEC 7812-1: 7992739871 has 3, so it has with zeros before it."""
    assert pin_of(7992739871) == "00000079927398713"


@given(NUMBERS)
def test_what_is_printed_is_read_again(number: int) -> None:
    pin = pin_of(number)
    assert len(pin) == PIN_DIGITS
    assert read_pin(pin) == read_pin(grouped(pin)) == pin


@pytest.mark.parametrize("number", [-1, 10**16])
def test_no_pin_is_made_of_a_number_that_is_no_draw(number: int) -> None:
    with pytest.raises(ValueError, match="below"):
        pin_of(number)


@pytest.mark.parametrize(
    "typed",
    [
        "1234 5678 9012 3456 9",
        "1234-5678-9012-3456-9",
        " 1234–5678—9012\u00a03456\u200b9\n",  # noqa: RUF001 - dashes of phones
        "১২৩৪ ৫৬৭৮ ৯০১২ ৩৪৫৬ ৯",
        "১২৩৪5678৯০১২34569",  # noqa: RUF001 - mixed as phones do
        "１２３４５６７８９０１２３４５６９",  # noqa: RUF001 - as Asian keyboards write
    ],
)
def test_a_pin_is_read_however_it_is_typed(typed: str) -> None:
    assert read_pin(typed) == "12345678901234569"


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "1234 5678 9012 3456",
        "1234 5678 9012 3456 99",
        "1234 5678 9012 3456 8",
        "1234 5678 9012 3456 x",
        "1234.5678.9012.3456.9",
        "²234 5678 9012 3456 9",
        "1" * 101,
        "' OR 1=1 --",
    ],
)
def test_what_is_no_pin_is_not_read(typed: str) -> None:
    assert read_pin(typed) is None


@given(NUMBERS, st.integers(0, PIN_DIGITS - 1), st.integers(1, 9))
def test_one_wrong_digit_is_seen(number: int, place: int, by: int) -> None:
    digits = list(pin_of(number))
    digits[place] = str((int(digits[place]) + by) % 10)
    assert read_pin("".join(digits)) is None


def test_a_pin_is_kept_as_hmac_sha256_of_its_digits() -> None:
    key = CardKey(bytes(range(32)))
    pin = pin_of(1)
    assert pin_mac(key, pin) == hmac.digest(key.key, pin.encode(), hashlib.sha256)


def test_a_key_shows_its_id_and_never_itself() -> None:
    key, other = CardKey(bytes(32)), CardKey(bytes(range(32)))
    assert key.key_id != other.key_id
    assert key.key_id == CardKey(bytes(32)).key_id
    assert "x00" not in repr(CardKeys(key, (other,)))


def found(values: dict[str, str]) -> CardKeys | None:
    return read_card_keys(
        lambda name: (values[name], name.upper()) if name in values else None
    )


def test_without_a_key_there_are_no_cards() -> None:
    assert found({}) is None


def test_old_keys_stand_one_a_line() -> None:
    third = base64.b64encode(bytes(32)).decode()
    keys = found({"card_key": KEY, "card_keys_old": f"{OTHER_KEY}\n{third}\n"})
    assert keys is not None
    assert keys.current.key == bytes(range(32))
    assert [key.key for key in keys.old] == [bytes(range(31, -1, -1)), bytes(32)]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"card_key": "not base64!"}, "CARD_KEY: it is not base64"),
        ({"card_key": KEY[:8]}, "CARD_KEY: it has 6 bytes"),
        ({"card_keys_old": KEY}, "CARD_KEYS_OLD: it needs KHATA_CARD_KEY"),
        ({"card_key": KEY, "card_keys_old": KEY}, "CARD_KEYS_OLD: it names one key"),
        ({"card_key": KEY, "card_keys_old": "AAAA"}, "CARD_KEYS_OLD: it has 3 bytes"),
    ],
)
def test_a_wrong_key_is_named_and_not_shown(
    values: dict[str, str], message: str
) -> None:
    with pytest.raises(CardSettingError, match=message) as told:
        found(values)
    assert not any(value in str(told.value) for value in values.values())


@pytest.mark.parametrize(
    ("state", "is_his", "is_expired", "outcome"),
    [
        (None, False, False, Outcome.UNKNOWN),
        ("used", False, False, Outcome.USED),
        ("used", False, True, Outcome.USED),
        ("used", True, True, Outcome.REPEATED),
        ("void", False, True, Outcome.VOID),
        ("active", False, True, Outcome.EXPIRED),
        ("generated", False, True, Outcome.EXPIRED),
        ("generated", False, False, Outcome.INACTIVE),
    ],
)
def test_what_is_the_matter_with_a_card(
    state: str | None, is_his: bool, is_expired: bool, outcome: Outcome
) -> None:
    assert why_refused(state, is_his=is_his, is_expired=is_expired) == outcome


@pytest.mark.parametrize(
    ("address", "subject"),
    [
        ("10.1.2.3", "address:10.1.2.3"),
        ("::ffff:10.1.2.3", "address:10.1.2.3"),
        ("2001:db8:1:2:3:4:5:6", "address:2001:db8:1:2::/64"),
    ],
)
def test_addresses_of_one_customer_are_one_subject(address: str, subject: str) -> None:
    assert subjects_of(7, address, "shop") == [
        "customer:7",
        subject,
        "distributor:shop",
    ]


def test_who_has_no_address_and_no_distributor_is_counted_alone() -> None:
    assert subjects_of(7, None, "") == ["customer:7"]


def a_guard(subject: str = "customer:1") -> Guard:
    return Guard(subject, 0, T0, 0, None)


def wrong(guard: Guard, times: int, now: datetime, weight: int = 2) -> Guard:
    for _ in range(times):
        guard = strike(guard, weight, now)
    return guard


def test_five_wrong_cards_lock_a_customer_for_a_quarter_of_an_hour() -> None:
    assert not wrong(a_guard(), 4, T0).is_locked(T0)
    locked = wrong(a_guard(), 5, T0)
    assert locked.locked_until == T0 + timedelta(minutes=15)
    assert locked.is_locked(T0 + timedelta(minutes=14, seconds=59))
    assert not locked.is_locked(T0 + timedelta(minutes=15))


def test_a_mistyped_pin_counts_half_and_every_other_wrong_one_whole() -> None:
    assert not wrong(a_guard(), 9, T0, STRIKES[Outcome.MISTYPED]).is_locked(T0)
    assert wrong(a_guard(), 10, T0, STRIKES[Outcome.MISTYPED]).is_locked(T0)
    whole = {Outcome.UNKNOWN, Outcome.USED, Outcome.VOID, Outcome.EXPIRED}
    whole |= {Outcome.INACTIVE}
    assert {outcome for outcome, weight in STRIKES.items() if weight == 2} == whole


def test_wrong_ones_are_forgotten_after_their_time() -> None:
    guard = wrong(a_guard(), 4, T0)
    later = T0 + timedelta(minutes=15)
    assert not wrong(guard, 4, later).is_locked(later)


def test_locks_grow_up_to_a_day_and_are_forgiven_after_a_day() -> None:
    guard, now, hours = a_guard(), T0, []
    for _ in range(6):
        guard = wrong(guard, 5, now)
        assert guard.locked_until is not None
        hours.append((guard.locked_until - now) / timedelta(hours=1))
        now = guard.locked_until
    assert hours == [0.25, 1, 4, 16, 24, 24]
    later = now + timedelta(days=1)
    assert wrong(guard, 5, later).locked_until == later + timedelta(minutes=15)


def test_one_guesser_does_not_lock_his_whole_neighbourhood_for_a_day() -> None:
    guard, now = a_guard("address:10.0.0.1"), T0
    assert not wrong(guard, 19, now).is_locked(now)
    for _ in range(9):
        guard = wrong(guard, 20, now)
        assert guard.locked_until is not None
        assert guard.locked_until - now <= timedelta(hours=1)
        now = guard.locked_until


@given(st.integers(1, 200))
def test_guessing_for_a_day_is_hopeless(customers: int) -> None:
    """Even unlocked for ever, what a customer may try is nothing beside 10^16."""
    tries_a_day = customers * LIMITS["customer"].strikes * (24 * 60 // 15)
    assert tries_a_day * 1_000_000 / 10**16 < 0.001


@pytest.mark.parametrize(
    ("bad", "good", "alarm"),
    [(0, 0, False), (29, 0, False), (30, 0, True), (30, 30, False), (31, 30, True)],
)
def test_the_alarm_is_raised_when_most_tries_are_wrong(
    bad: int, good: int, alarm: bool
) -> None:
    assert is_alarming(bad=bad, good=good) is alarm
