"""Sealed passwords open with their key, and with nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_core.passwords import (
    BrokenSealError,
    ForeignSealError,
    PasswordError,
    PasswordUnusableError,
    decode_key,
    encode_key,
    new_key,
    open_password,
    seal_password,
)

KEY = bytes(range(32))

usable_passwords = st.text(
    st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=32
)


@given(usable_passwords)
def test_what_was_sealed_opens_again(clear):
    assert open_password(KEY, seal_password(KEY, clear)) == clear


def test_the_same_password_never_seals_the_same():
    assert seal_password(KEY, "secret") != seal_password(KEY, "secret")


def test_the_clear_password_is_not_in_the_seal():
    assert b"secret" not in seal_password(KEY, "secret")


def test_the_length_of_a_seal_does_not_tell_the_password_s():
    assert len(seal_password(KEY, "a")) == len(seal_password(KEY, "fifteen letters"))


def test_another_key_is_named_as_the_cause():
    with pytest.raises(ForeignSealError):
        open_password(new_key(), seal_password(KEY, "secret"))


@given(st.data())
def test_no_changed_octet_goes_unnoticed(data):
    sealed = bytearray(seal_password(KEY, "secret"))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(PasswordError):
        open_password(KEY, bytes(sealed))


@given(st.integers(0, 48))
def test_a_seal_cut_short_is_broken(length):
    with pytest.raises(BrokenSealError):
        open_password(KEY, seal_password(KEY, "secret")[:length])


@pytest.mark.parametrize(
    "clear", ["", "nul\0", "line\nend", "\x7f", "\ud800", "x" * 129, "é" * 65]
)
def test_what_the_network_cannot_carry_is_refused(clear):
    with pytest.raises(PasswordUnusableError):
        seal_password(KEY, clear)


def test_a_refusal_does_not_repeat_the_password():
    with pytest.raises(PasswordUnusableError) as refusal:
        seal_password(KEY, "x" * 129)
    assert "xx" not in str(refusal.value)


def test_the_longest_password_seals():
    assert open_password(KEY, seal_password(KEY, "x" * 128)) == "x" * 128


def test_a_key_survives_its_written_form():
    assert decode_key(encode_key(KEY) + "\n") == KEY


@pytest.mark.parametrize("text", ["", "not base64!", encode_key(KEY[:16])])
def test_a_wrong_key_is_refused(text):
    with pytest.raises(PasswordError):
        decode_key(text)


def test_a_key_of_the_wrong_length_does_not_seal():
    with pytest.raises(PasswordError):
        seal_password(KEY[:16], "secret")
