"""The key of one device at hotspots: for whom it is good, and how it is proved."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from billing_core.hotspot import key_links
from billing_core.hotspot_keys import (
    KEY_LASTS,
    HotspotKey,
    new_key,
    open_key,
    seal_key,
)
from radius_module.proofs import is_by_key
from tests.builders import KEY

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PHONE, LAPTOP = "02:00:5E:10:00:01", "02:00:5E:10:00:02"
LOGIN = "http://10.5.50.1/login"
CHALLENGE = bytes(range(16))


def a_key() -> HotspotKey:
    return new_key(PHONE, NOW, None)


def by_chap(secret: str) -> dict[str, str]:
    answer = hashlib.md5(b"\x07" + secret.encode() + CHALLENGE)  # noqa: S324 - RFC 2865
    return {
        "Calling-Station-Id": PHONE,
        "CHAP-Password": "0x07" + answer.hexdigest(),
        "CHAP-Challenge": "0x" + CHALLENGE.hex(),
    }


def test_a_key_is_good_for_its_device_and_its_days() -> None:
    key, now = a_key(), NOW.timestamp()
    assert key.is_good_for("02-00-5e-10-00-01", now)
    assert not key.is_good_for(LAPTOP, now)
    assert not key.is_good_for("", now)
    assert not key.is_good_for(PHONE, (NOW + KEY_LASTS).timestamp())


def test_a_key_goes_on_for_its_device_and_is_another_for_another() -> None:
    first = a_key()
    later = new_key(PHONE, NOW + timedelta(days=2), first)
    assert later.secret == first.secret
    assert later.until_epoch - first.until_epoch == 2 * 86400
    assert new_key(LAPTOP, NOW, first).secret != first.secret
    assert new_key(PHONE, NOW + KEY_LASTS, first).secret != first.secret


def test_a_sealed_key_comes_back_and_says_nothing() -> None:
    key = a_key()
    sealed = seal_key(KEY, key)
    assert key.secret.encode() not in sealed
    assert open_key(KEY, sealed) == key


def test_a_login_by_key_is_told_from_one_by_password() -> None:
    key, now = a_key(), NOW.timestamp()
    here = {"Calling-Station-Id": PHONE}
    assert is_by_key(key, here | {"User-Password": key.secret}, now)
    assert is_by_key(key, by_chap(key.secret), now)
    assert not is_by_key(key, here | {"User-Password": "secret"}, now)
    assert not is_by_key(key, by_chap("secret"), now)
    assert not is_by_key(key, by_chap(key.secret) | {"Calling-Station-Id": LAPTOP}, now)
    late = (NOW + KEY_LASTS).timestamp()
    assert not is_by_key(key, by_chap(key.secret), late)


@pytest.mark.parametrize(
    "broken",
    [
        {"CHAP-Password": ""},
        {"CHAP-Password": "0x07"},
        {"CHAP-Password": "no octets"},
        {"CHAP-Challenge": ""},
        {"CHAP-Challenge": "0xzz"},
    ],
)
def test_a_broken_proof_is_none(broken: dict[str, str]) -> None:
    key = a_key()
    assert not is_by_key(key, by_chap(key.secret) | broken, NOW.timestamp())


def test_with_scripts_the_key_is_told_behind_the_mark_that_no_server_gets() -> None:
    lead, _link = key_links(LOGIN, "rahim & co/1", "k-1_x", "\\007", "\\001")
    assert lead == f"{LOGIN}#khata=rahim%20%26%20co%2F1&k-1_x"


def test_without_scripts_the_challenge_that_was_shown_is_answered() -> None:
    _lead, link = key_links(LOGIN, "rahim", "k-1_x", "\\007", "\\001\\002")
    digest = hashlib.md5(b"\x07k-1_x\x01\x02").hexdigest()  # noqa: S324 - RouterOS'
    assert link == f"{LOGIN}?username=rahim&password={digest}#khata=rahim&k-1_x"


def test_a_hotspot_that_asks_no_challenge_takes_the_key_as_it_is() -> None:
    _lead, link = key_links(LOGIN, "rahim", "k-1_x", "", "")
    assert link == f"{LOGIN}?username=rahim&password=k-1_x#khata=rahim&k-1_x"


def test_a_broken_challenge_sends_no_key_to_the_hotspot() -> None:
    _lead, link = key_links(LOGIN, "rahim", "k-1_x", "\\9", "\\001")
    assert link == f"{LOGIN}#khata=rahim&k-1_x"
