"""What FreeRADIUS lets through to Python, and what its own part of a reply is."""

import hashlib
import hmac
import secrets
import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from billing_core import stack
from simulators.nas import LoginOutcome, SimulatedNas
from tests.radius.conftest import a_simulated_nas
from tests.radius.isp import PASSWORD, Isp, until

METHODS = ("pap", "chap", "mschapv2", "eap-md5")
# RFC 2865 §5.44, RFC 3579 §3.3, RFC 2548 §2.1: what a reject may hold.
IN_A_REJECT = {"Reply-Message", "EAP-Message", "Message-Authenticator"}
ODD_TEXTS = [b"Zimmer \xfc 3", b"a\nb", b"nul\x00nul", b"\xff\xfe", b"\xed\xa0\x80"]


@pytest.fixture(scope="module")
def nas(radius_stack: stack.Stack) -> Iterator[SimulatedNas]:
    """One NAS for all of them: what is odd is in the packets."""
    with a_simulated_nas(radius_stack) as one:
        yield one


@pytest.mark.parametrize("method", METHODS)
def test_a_login_refused_after_its_password_was_right_leaks_nothing_of_an_accept(
    method: str, isp: Isp, nas: SimulatedNas
) -> None:
    """Devices that log in at once are granted by Python and refused by the database."""
    user = isp.customer(isp.package(billing="free", sessions_allowed=1))
    macs = [f"02:00:00:00:00:{number:02X}" for number in range(16)]

    with ThreadPoolExecutor(len(macs)) as devices:
        logins = list(
            devices.map(
                lambda mac: nas.login(user, PASSWORD, method=method, mac=mac), macs
            )
        )

    assert [login.accepted for login in logins].count(True) == 1
    for refused in (login for login in logins if not login.accepted):
        assert set(refused.attributes) <= IN_A_REJECT
        assert refused.has_message_authenticator
    assert isp.rejects(user) == ["TOO_MANY_SESSIONS"] * 15


def test_an_eap_login_that_is_refused_is_told_failure_and_not_success(
    isp: Isp, nas: SimulatedNas
) -> None:
    user = isp.customer(isp.package(billing="free", sessions_allowed=1))
    assert nas.login(user, PASSWORD, method="eap-md5", mac="02:00:00:00:00:01").accepted

    refused = nas.login(user, PASSWORD, method="eap-md5", mac="02:00:00:00:00:02")

    (message,) = refused.attributes["EAP-Message"]
    assert isinstance(message, bytes)
    # RFC 3748 §4.2: Failure, the Identifier of the Response, length 4.
    assert (message[0], message[2:]) == (4, b"\x00\x04")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("username", ["nobody at all", "%{control:Khata-Grant}"])
def test_an_unknown_customer_gets_a_signed_reject(
    method: str, username: str, isp: Isp, nas: SimulatedNas
) -> None:

    refused = nas.login(username, "x", method=method)

    assert refused.outcome is LoginOutcome.REJECT
    assert refused.has_message_authenticator
    assert ("EAP-Message" in refused.attributes) == (method == "eap-md5")


@pytest.mark.parametrize("odd", ODD_TEXTS)
@pytest.mark.parametrize(
    "name", ["NAS-Port-Id", "Called-Station-Id", "NAS-Identifier", "Connect-Info"]
)
def test_odd_text_of_the_nas_is_dropped_and_not_the_customer(
    name: str, odd: bytes, isp: Isp, nas: SimulatedNas
) -> None:
    user = isp.customer(isp.package(billing="free"))

    login = nas.login(user, PASSWORD, extra=((name, odd),))

    assert login.accepted
    assert isp.session(user)["calling_station_id"] == login.mac


@pytest.mark.parametrize("odd", ODD_TEXTS)
def test_a_username_that_is_no_clean_text_is_refused_and_logged_as_hex(
    odd: bytes, isp: Isp, nas: SimulatedNas
) -> None:

    refused = nas.login("x", PASSWORD, extra=(("User-Name", odd),))

    assert refused.outcome is LoginOutcome.REJECT
    assert isp.rejects("0x" + odd.hex())[-1] == "MALFORMED"


def test_what_follows_a_nul_in_a_username_is_not_lost_on_the_way(
    isp: Isp, nas: SimulatedNas
) -> None:
    """Bob cannot come in as "bob NUL x", whose text ends at the NUL for some."""
    user = isp.customer(isp.package(billing="free"))
    extra = (("User-Name", user.encode() + b"\x00x"),)

    assert nas.login("x", PASSWORD, extra=extra).outcome is LoginOutcome.REJECT
    assert isp.left_nothing(user)


@pytest.mark.parametrize(
    "name", ["User-Name", "Calling-Station-Id", "NAS-Identifier", "Acct-Session-Id"]
)
def test_a_second_identity_attribute_is_refused(
    name: str, radius_stack: stack.Stack, isp: Isp
) -> None:
    user = isp.customer(isp.package(billing="free"))
    numbers = {
        "User-Name": 1,
        "Calling-Station-Id": 31,
        "NAS-Identifier": 32,
        "Acct-Session-Id": 44,
    }
    attributes = [
        (1, user.encode()),
        (31, b"02:00:00:00:00:01"),
        (32, b"nas"),
        (44, b"1"),
    ]

    once = pap(radius_stack, attributes)
    twice = pap(radius_stack, [*attributes, (numbers[name], b"someone else")])

    assert (once, twice) == (2, 3)
    assert "MALFORMED" in isp.rejects(user)


def test_no_password_reaches_a_log(isp: Isp, nas: SimulatedNas) -> None:
    user = isp.customer(isp.package(billing="free"))
    wrong = "not-the-password-" + secrets.token_hex(4)

    assert nas.login(user, PASSWORD).accepted
    assert nas.login(user, wrong).outcome is LoginOutcome.REJECT

    assert until(lambda: isp.rejects(user) == ["BAD_CREDENTIALS"])
    logs = [p for p in isp.stack.var.rglob("*.log") if p.is_file()]
    text = b"".join(log.read_bytes() for log in logs)
    assert b"Ready to process requests" in text
    assert wrong.encode() not in text
    assert PASSWORD.encode() not in text


@pytest.mark.parametrize("port", ["auth_port", "acct_port"])
def test_status_server_is_answered_on_both_ports(
    port: str, radius_stack: stack.Stack
) -> None:
    """RFC 5997 §3: each port answers with its own kind of reply."""
    head = struct.pack(">BBH", 12, 7, 38) + secrets.token_bytes(16)
    unsigned = head + b"\x50\x12" + bytes(16)
    signature = hmac.digest(radius_stack.radius_secret.encode(), unsigned, "md5")

    answer = exchange(getattr(radius_stack, port), unsigned[:22] + signature)

    assert answer is not None
    assert answer[0] == (2 if port == "auth_port" else 5)


@pytest.mark.parametrize("port", ["auth_port", "acct_port"])
def test_an_unknown_address_gets_no_answer_and_is_counted(port: str, isp: Isp) -> None:
    address = "127.8.0.1" if port == "auth_port" else "127.8.0.2"
    packet = struct.pack(">BBH", 4, 1, 20) + secrets.token_bytes(16)
    seen = "SELECT EXISTS (SELECT FROM unknown_nas WHERE address = %s)"

    def knock() -> bool:
        answer = exchange(
            getattr(isp.stack, port), packet, source=address, patience_seconds=0.3
        )
        assert answer is None
        return bool(isp.one(seen, address))

    assert until(knock)


def pap(on: stack.Stack, attributes: list[tuple[int, bytes]]) -> int:
    """Send a login exactly as given, and return the code of the answer."""
    secret = on.radius_secret.encode()
    authenticator = secrets.token_bytes(16)
    padded = PASSWORD.encode().ljust(32, b"\x00")
    hidden, before = b"", authenticator
    for start in (0, 16):
        key = hashlib.md5(secret + before, usedforsecurity=False).digest()
        block = padded[start : start + 16]
        before = bytes(a ^ b for a, b in zip(block, key, strict=True))
        hidden += before
    body = b"".join(
        bytes([number, len(value) + 2]) + value
        for number, value in [*attributes, (2, hidden)]
    )
    packet = struct.pack(">BBH", 1, 1, 20 + len(body)) + authenticator + body
    answer = exchange(on.auth_port, packet)
    assert answer is not None
    return answer[0]


def exchange(
    port: int,
    packet: bytes,
    *,
    source: str = "127.0.0.1",
    patience_seconds: float = 20.0,
) -> bytes | None:
    """Send one packet and wait for what comes back."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind((source, 0))
        udp.settimeout(patience_seconds)
        udp.sendto(packet, ("127.0.0.1", port))
        try:
            return udp.recv(4096)
        except TimeoutError:
            return None
