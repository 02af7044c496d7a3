"""The hashes on what SSLCommerz posts: golden vectors, and what a forger would try."""

import pytest

from billing_core.gateways.sslcommerz.signature import (
    REQUIRED_KEYS,
    is_right,
    md5,
    sha256,
    sign,
)

PASSWORD = "example-store-password"
# Made with the code that reproduces the vector in the vendor's own Python repository.
GOLDEN = {
    "tran_id": "5E121A0D01F92",
    "val_id": "200105225826116qFnATY9sHIwo",
    "amount": "10.00",
    "card_type": "VISA-Dutch Bangla",
    "store_amount": "9.75",
    "card_no": "418117XXXXXX6675",
    "bank_tran_id": "200105225825DBgSoRGLvczhFjj",
    "status": "VALID",
    "tran_date": "2020-01-05 22:58:21",
    "currency": "BDT",
    "card_issuer": "TRUST BANK, LTD.",
    "card_brand": "VISA",
    "card_issuer_country": "Bangladesh",
    "card_issuer_country_code": "BD",
    "store_id": "exampleshop",
    "currency_type": "BDT",
    "currency_amount": "10.00",
    "currency_rate": "1.0000",
    "base_fair": "0.00",
    "value_a": "",
    "value_b": "",
    "value_c": "",
    "value_d": "",
    "risk_level": "0",
    "risk_title": "Safe",
    "verify_key": "amount,bank_tran_id,base_fair,card_brand,card_issuer,"
    "card_issuer_country,card_issuer_country_code,card_no,card_type,currency,"
    "currency_amount,currency_rate,currency_type,risk_level,risk_title,status,"
    "store_amount,store_id,tran_date,tran_id,val_id,value_a,value_b,value_c,value_d",
    "verify_sign": "0357bf28cf5277a1fbab8ebb2f37e26e",
    "verify_sign_sha2": (
        "d05f39294e46b970ac1bf45dc0ff259ebd35550da15d0144ee49baba4c8f6b85"
    ),
}


def resigned(form: dict[str, str], password: str = PASSWORD) -> dict[str, str]:
    keys = form["verify_key"].split(",")
    return form | {
        "verify_sign": sign(form, keys, password, md5),
        "verify_sign_sha2": sign(form, keys, password, sha256),
    }


def without(*names: str) -> dict[str, str]:
    return {key: value for key, value in GOLDEN.items() if key not in names}


def test_both_hashes_of_the_golden_vector_are_right() -> None:
    assert is_right(GOLDEN, PASSWORD) is True
    assert resigned(GOLDEN) == GOLDEN


@pytest.mark.parametrize("name", ["verify_sign", "verify_sign_sha2"])
def test_one_hash_alone_is_enough_and_has_to_be_right(name: str) -> None:
    form = without(name)
    assert is_right(form, PASSWORD) is True
    assert is_right(form | {"amount": "10.01"}, PASSWORD) is False


@pytest.mark.parametrize("name", ["verify_sign", "verify_sign_sha2"])
def test_each_hash_that_is_there_has_to_be_right(name: str) -> None:
    wrong = GOLDEN[name][:-1] + ("0" if GOLDEN[name][-1] != "0" else "1")
    assert is_right(GOLDEN | {name: wrong}, PASSWORD) is False


@pytest.mark.parametrize("name", sorted(REQUIRED_KEYS))
def test_any_change_of_what_makes_it_money_shows(name: str) -> None:
    assert is_right(GOLDEN | {name: GOLDEN[name] + "1"}, PASSWORD) is not True


@pytest.mark.parametrize("name", sorted(REQUIRED_KEYS))
def test_a_field_that_is_missing_from_the_form_counts_as_empty(name: str) -> None:
    assert is_right(without(name), PASSWORD) is not True


@pytest.mark.parametrize("name", sorted(REQUIRED_KEYS))
def test_a_claim_of_money_has_to_sign_what_makes_it_money(name: str) -> None:
    keys = [key for key in GOLDEN["verify_key"].split(",") if key != name]
    form = resigned(GOLDEN | {"verify_key": ",".join(keys)})
    assert is_right(form, PASSWORD) is False


def test_values_are_signed_as_they_were_posted() -> None:
    form = resigned(GOLDEN | {"amount": "10.0", "value_a": "a&b=ক %20"})
    assert is_right(form, PASSWORD) is True
    assert is_right(form | {"amount": "10.00"}, PASSWORD) is False


def test_ampersands_at_the_end_are_not_hashed_as_the_vendor_trims_them() -> None:
    text = f"a=1&store_passwd={md5(PASSWORD.encode())}&z=2"
    assert sign({"a": "1", "z": "2&&"}, ["z", "a"], PASSWORD, md5) == md5(text.encode())


def test_another_password_makes_other_hashes() -> None:
    assert is_right(resigned(GOLDEN, "guessed"), PASSWORD) is False


def test_a_store_passwd_in_the_form_is_not_used() -> None:
    form = GOLDEN | {
        "store_passwd": "x",
        "verify_key": GOLDEN["verify_key"] + ",store_passwd",
    }
    assert is_right(form, PASSWORD) is True


@pytest.mark.parametrize(
    "form",
    [
        without("verify_sign", "verify_sign_sha2"),
        without("verify_key"),
        GOLDEN | {"verify_key": ""},
        GOLDEN | {"verify_key": ",,"},
        GOLDEN | {"verify_sign": "ক", "verify_sign_sha2": "\ud800"},
        {"status": "VALIDATED"},
    ],
)
def test_a_claim_of_money_without_a_usable_signature_is_wrong(
    form: dict[str, str],
) -> None:
    assert is_right(form, PASSWORD) is False


def test_a_failure_may_come_unsigned_but_not_wrongly_signed() -> None:
    failed = {"status": "FAILED", "tran_id": "T1"}
    assert is_right(failed, PASSWORD) is None
    assert is_right(failed | {"verify_sign": "0" * 32}, PASSWORD) is False
    signed = resigned(failed | {"verify_key": "status,tran_id,val_id"})
    assert is_right(signed, PASSWORD) is True
