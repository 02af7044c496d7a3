"""Nagad's keys as the portal gives them and as people paste them; its settings."""

import base64
import textwrap
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from billing_core.gateways.contract import Find, GatewaySettingError
from billing_core.gateways.nagad import keys
from billing_core.gateways.nagad.keys import SignatureHash
from billing_core.gateways.nagad.settings import (
    NO_IPV4,
    PLAIN_NAMES,
    SECRET_NAMES,
    read_settings,
)
from simulators.gateways.nagad.sealing import (
    AccountKeys,
    new_keys,
    private_text,
    public_text,
)

KEYS: AccountKeys = new_keys()
OURS, THEIRS = KEYS.merchant, KEYS.gateway


def bare(key: rsa.RSAPrivateKey, form: serialization.PrivateFormat) -> str:
    return base64.b64encode(
        key.private_bytes(
            serialization.Encoding.DER, form, serialization.NoEncryption()
        )
    ).decode("ascii")


PKCS8 = bare(OURS, serialization.PrivateFormat.PKCS8)
PKCS1 = bare(OURS, serialization.PrivateFormat.TraditionalOpenSSL)


def armour(body: str, title: str) -> str:
    lines = "\n".join(textwrap.wrap(body, 64))
    return f"-----BEGIN {title}-----\n{lines}\n-----END {title}-----\n"


@given(plain=st.binary(max_size=245))
@settings(max_examples=30, deadline=None)
def test_what_is_encrypted_and_signed_comes_back_as_the_same_octets(
    plain: bytes,
) -> None:
    for kind in SignatureHash:
        sealed = keys.encrypt(OURS.public_key(), plain)
        assert keys.decrypt(OURS, sealed) == plain
        keys.check(OURS.public_key(), plain, keys.sign(OURS, plain, kind), kind)


def test_a_ciphertext_is_one_block_in_base64() -> None:
    assert len(base64.b64decode(keys.encrypt(THEIRS.public_key(), b"{}"))) == 256


def test_the_block_takes_245_octets_and_says_so_of_one_more() -> None:
    assert keys.room_of(THEIRS.public_key()) == 245
    keys.encrypt(THEIRS.public_key(), b"x" * 245)
    with pytest.raises(keys.TooLongError, match=r"246 octets .* 245"):
        keys.encrypt(THEIRS.public_key(), b"x" * 246)


def test_a_signature_of_another_hash_text_or_key_is_refused() -> None:
    plain = b'{"a":1}'
    sealed = keys.sign(OURS, plain, SignatureHash.SHA256)
    mine = OURS.public_key()
    for key, text, signature, kind in (
        (mine, plain, sealed, SignatureHash.SHA1),
        (mine, plain + b" ", sealed, SignatureHash.SHA256),
        (THEIRS.public_key(), plain, sealed, SignatureHash.SHA256),
        (mine, plain, "", SignatureHash.SHA256),
        (mine, plain, "not base64!", SignatureHash.SHA256),
    ):
        with pytest.raises(keys.UnreadableError):
            keys.check(key, text, signature, kind)


def test_garbage_is_never_an_answer_though_openssl_decrypts_it() -> None:
    """Implicit rejection: random octets or an error, and no signature fits either."""
    for _ in range(5):
        sealed = keys.encrypt(THEIRS.public_key(), b'{"paymentReferenceId":"x"}')
        signature = keys.sign(THEIRS, b'{"paymentReferenceId":"x"}', SignatureHash.SHA1)
        with pytest.raises(keys.UnreadableError):
            keys.check(
                THEIRS.public_key(),
                keys.decrypt(OURS, sealed),
                signature,
                SignatureHash.SHA1,
            )
    for text in ("", "AAAA", "no base64"):
        with pytest.raises(keys.UnreadableError):
            keys.decrypt(OURS, text)


@pytest.mark.parametrize(
    "text",
    [
        PKCS8,
        PKCS1,
        f"  {PKCS8}\n",
        "\n".join(textwrap.wrap(PKCS1, 76)),
        armour(PKCS8, "PRIVATE KEY"),
        armour(PKCS1, "RSA PRIVATE KEY"),
        # With the header of the other form, as nagadpy and others put it.
        armour(PKCS8, "RSA PRIVATE KEY"),
        armour(PKCS1, "PRIVATE KEY"),
        # As it comes out of an environment variable.
        armour(PKCS8, "PRIVATE KEY").replace("\n", "\\n"),
        armour(PKCS8, "PRIVATE KEY").replace("\n", "\r\n"),
    ],
)
def test_a_private_key_is_read_in_either_form_whatever_stands_around_it(
    text: str,
) -> None:
    assert keys.read_private_key(text).private_numbers() == OURS.private_numbers()


@pytest.mark.parametrize("offset", range(40, 1200, 145))
def test_a_key_that_was_damaged_in_copying_is_found_at_once(offset: int) -> None:
    """One bit, in each of its numbers: base64 and DER still look right."""
    raw = bytearray(base64.b64decode(PKCS8))
    raw[offset] ^= 1
    with pytest.raises(keys.KeyTextError, match="no private key"):
        keys.read_private_key(base64.b64encode(bytes(raw)).decode("ascii"))


@pytest.mark.parametrize(
    "form",
    [
        serialization.PublicFormat.SubjectPublicKeyInfo,
        serialization.PublicFormat.PKCS1,
    ],
)
@pytest.mark.parametrize("title", ["", "PUBLIC KEY", "RSA PUBLIC KEY"])
def test_a_public_key_is_read_in_either_form(
    form: serialization.PublicFormat, title: str
) -> None:
    der = THEIRS.public_key().public_bytes(serialization.Encoding.DER, form)
    body = base64.b64encode(der).decode("ascii")
    key = keys.read_public_key(armour(body, title) if title else body)
    assert key.public_numbers() == THEIRS.public_key().public_numbers()


def find_in(values: dict[str, str]) -> Find:
    def find(name: str) -> tuple[str, str] | None:
        return (values[name], f"KHATA_{name.upper()}") if name in values else None

    return find


def right() -> dict[str, str]:
    return {
        "nagad_base_url": "https://api.mynagad.com/api/dfs/",
        "nagad_merchant_id": "683000000000001",
        "nagad_merchant_private_key": private_text(OURS),
        "nagad_gateway_public_key": public_text(THEIRS),
    }


def test_nothing_set_is_no_nagad() -> None:
    assert read_settings(find_in({})) is None


def test_the_settings_are_read() -> None:
    found = read_settings(find_in(right()))
    assert found is not None
    assert found.base_url == "https://api.mynagad.com/api/dfs"
    assert found.signature_hash is SignatureHash.SHA256
    assert (found.client_ipv4, found.account_number) == (NO_IPV4, "")
    more = read_settings(
        find_in(
            right()
            | {
                "nagad_signature_hash": "sha-1",
                "nagad_client_ipv4": "8.8.4.4",
                "nagad_account_number": "01712345678",
            }
        )
    )
    assert more is not None
    assert more.signature_hash is SignatureHash.SHA1
    assert (more.client_ipv4, more.account_number) == ("8.8.4.4", "01712345678")


def test_every_setting_has_its_place_among_the_secret_or_plain_names() -> None:
    asked: list[str] = []

    def find(name: str) -> None:
        asked.append(name)

    assert read_settings(find) is None
    assert sorted(asked) == sorted((*SECRET_NAMES, *PLAIN_NAMES))
    assert "nagad_merchant_private_key" in SECRET_NAMES


@pytest.mark.parametrize("name", sorted(right()))
def test_a_missing_setting_names_itself(name: str) -> None:
    values = right()
    del values[name]
    with pytest.raises(GatewaySettingError, match=f"KHATA_{name.upper()} is missing"):
        read_settings(find_in(values))


def small() -> str:
    return private_text(_small())


def small_public() -> str:
    return public_text(_small())


def _small() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 1024)  # noqa: S505 - too small on purpose


def of_a_curve() -> str:
    return base64.b64encode(
        ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    ).decode("ascii")


def cut() -> str:
    return PKCS8[:-40]


def own_public() -> str:
    return public_text(OURS)


def their_public() -> str:
    return public_text(THEIRS)


def own_private() -> str:
    return private_text(OURS)


@pytest.mark.parametrize(
    ("name", "make", "says"),
    [
        ("nagad_merchant_private_key", small, "1024 bits"),
        ("nagad_merchant_private_key", of_a_curve, "no RSA key"),
        ("nagad_merchant_private_key", cut, "no private key"),
        ("nagad_merchant_private_key", their_public, "no private key"),
        ("nagad_gateway_public_key", small_public, "1024 bits"),
        ("nagad_gateway_public_key", own_private, "no public key"),
        # The portal shows both public keys side by side.
        ("nagad_gateway_public_key", own_public, "our own key"),
    ],
)
def test_a_wrong_key_is_found_when_the_settings_are_read(
    name: str, make: Callable[[], str], says: str
) -> None:
    text = make()
    with pytest.raises(GatewaySettingError, match=says) as caught:
        read_settings(find_in(right() | {name: text}))
    assert f"KHATA_{name.upper()}" in str(caught.value)
    assert text[:40] not in str(caught.value)
    assert text[40:80] not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        # What verify answers is proved by TLS alone.
        ("nagad_base_url", "http://api.mynagad.com/api/dfs"),
        ("nagad_base_url", "ftp://api.mynagad.com"),
        ("nagad_base_url", "api.mynagad.com/api/dfs"),
        ("nagad_base_url", "https://me:secret@api.mynagad.com"),
        ("nagad_base_url", "https://api.mynagad.com/?a=b"),
        ("nagad_base_url", "https://api.mynagad.com:port/"),
        ("nagad_base_url", "http://[::1/"),
        ("nagad_merchant_id", "683/../1"),
        ("nagad_merchant_id", "68300 1"),
        ("nagad_signature_hash", "MD5"),
        ("nagad_account_number", "+8801712"),
        ("nagad_client_ipv4", "10.0.0.1"),
        ("nagad_client_ipv4", "::1"),
        ("nagad_client_ipv4", "host.example"),
    ],
)
def test_a_wrong_setting_names_itself(name: str, value: str) -> None:
    with pytest.raises(GatewaySettingError, match=f"KHATA_{name.upper()}"):
        read_settings(find_in(right() | {name: value}))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8090/nagad/api/dfs",
        "http://localhost:8090/nagad/api/dfs",
        "http://[::1]:8090/nagad/api/dfs",
        # The sandbox speaks no TLS.
        "http://sandbox.mynagad.com:10080/remote-payment-gateway-1.0/api/dfs",
    ],
)
def test_only_this_machine_and_the_sandbox_are_asked_without_tls(url: str) -> None:
    assert read_settings(find_in(right() | {"nagad_base_url": url})) is not None


def test_the_settings_show_no_key() -> None:
    found = read_settings(find_in(right()))
    shown = repr(found)
    assert "683000000000001" in shown
    assert "RSA" not in shown
    assert "key=" not in shown
