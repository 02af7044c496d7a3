"""The packets that the RFCs print, sent to the running server octet by octet."""

import pytest

from billing_core.db.nas import NewNas
from billing_core.services.nas import add_nas
from tests.radius import wire
from tests.radius.conftest import next_address
from tests.radius.isp import Isp, until

SECRET = b"xyzzy5461"  # of RFC 2865 §7 and RFC 5997 §6

# RFC 2865 §7.1: nemo logs in with PAP.
NEMO = bytes.fromhex(
    "01000038 0f403f9473978057bd83d5cb98f4227a 01066e656d6f"
    "0212 0dbe708d93d413ce3196e43f782a0aee 0406c0a80110 050600000003"
)
# RFC 2865 §7.2: flopsy logs in with CHAP; the challenge is the authenticator.
FLOPSY = bytes.fromhex(
    "01010047 2aee86f08d0d55969ca5978e0d3367a2 0108666c6f707379"
    "0313 16e97557c316185895f293ff6344077275 0406c0a80110 050600000014"
    "060600000002 070600000001"
)
# RFC 2865 §7.3: mopsy answers a challenge. The first packet is sound; of the third the
# last attribute says 16 octets and has 10 (an error of the RFC).
MOPSY = bytes.fromhex(
    "01020039 f3a47a1f6a6d76710b947ab93041a039 01076d6f707379"
    "0212 33657573778289b570885e15084825c5 0406c0a80110 050600000007"
)
MOPSY_MALFORMED = bytes.fromhex(
    "01030043 b122556d428a13d0d6253807c457ecf0 01076d6f707379"
    "0212 692c1f205fc081b919b95195f561a581 0406c0a80110 050600000007"
    "1810 3332373639343330"
)
# RFC 5997 §6.1 and §6.2: Status-Server to both ports.
STATUS_AUTH = bytes.fromhex(
    "0cda0026 8a54f4686fb394c52866e302185d0623 5012 5a665e2e1e8411f3e243822097c84fa3"
)
STATUS_ACCT = bytes.fromhex(
    "0cb30026 925f6b66dd5fed571fcb1db7ad388260 5012 e8d6eabda910875cd91fdade26367858"
)
USERS = {"nemo": "arctangent", "flopsy": "arctangent", "mopsy": "challenge"}


@pytest.fixture(scope="module")
def rfc_nas() -> str:
    return next_address()


@pytest.fixture
def rfc_isp(isp: Isp, rfc_nas: str) -> Isp:
    """The provider of the RFC: its NAS, and its three users with its passwords."""
    known = isp.rows("SELECT FROM nas WHERE address = %s", rfc_nas)
    if not known:
        facts = NewNas(name="rfc2865", address=rfc_nas, secret=SECRET.decode())
        add_nas(isp.conn, facts)
        package = isp.package(billing="free", sessions_allowed=99)
        for username, password in USERS.items():
            isp.customer(package, username=username, password=password)
    return isp


def ask(isp: Isp, nas: str, packet: bytes) -> bytes:
    """Ask until the login is decided; a busy machine may be too slow for the first."""
    answers: list[bytes] = []

    def is_decided() -> bool:
        answer = wire.exchange(nas, isp.stack.auth_port, packet)
        answers.append(answer or b"")
        return answer is not None and b"Service is briefly" not in answer

    assert until(is_decided)
    return answers[-1]


@pytest.mark.parametrize(
    ("packet", "username"),
    [(NEMO, "nemo"), (FLOPSY, "flopsy"), (MOPSY, "mopsy")],
    ids=["RFC 2865 7.1", "RFC 2865 7.2", "RFC 2865 7.3, first"],
)
def test_the_requests_of_rfc_2865_are_accepted(
    packet: bytes, username: str, rfc_isp: Isp, rfc_nas: str
) -> None:
    before = len(rfc_isp.sessions(username))

    answer = ask(rfc_isp, rfc_nas, packet)

    assert answer[0] == wire.ACCESS_ACCEPT
    assert answer[1] == packet[1]
    assert wire.is_signed(answer, packet, SECRET)
    assert len(rfc_isp.sessions(username)) == before + 1


def test_the_same_request_with_a_digit_changed_is_refused(
    rfc_isp: Isp, rfc_nas: str
) -> None:
    """One octet of the hidden password is another one."""
    packet = bytearray(NEMO)
    packet[28] ^= 1

    answer = ask(rfc_isp, rfc_nas, bytes(packet))

    assert answer[0] == wire.ACCESS_REJECT
    assert wire.is_signed(answer, bytes(packet), SECRET)


def test_the_malformed_packet_of_rfc_2865_is_dropped_in_silence(
    rfc_isp: Isp, rfc_nas: str
) -> None:
    """RFC 2865 §5: such a packet is no packet; §7.3 prints one by mistake."""
    ask(rfc_isp, rfc_nas, NEMO)
    before = rfc_isp.stack.pid("freeradius")

    port = rfc_isp.stack.auth_port
    assert wire.exchange(rfc_nas, port, MOPSY_MALFORMED, tries=2) is None

    # With its length put right it is a login like any other.
    mended = bytearray(MOPSY_MALFORMED)
    mended[-9] = 10
    answer = ask(rfc_isp, rfc_nas, bytes(mended))
    assert answer[0] == wire.ACCESS_REJECT  # its password is 99101462
    assert rfc_isp.stack.pid("freeradius") == before


def test_status_server_is_answered_on_both_ports(rfc_isp: Isp, rfc_nas: str) -> None:
    stack = rfc_isp.stack
    auth = wire.exchange(rfc_nas, stack.auth_port, STATUS_AUTH)
    acct = wire.exchange(rfc_nas, stack.acct_port, STATUS_ACCT)

    for answer, request, code in (
        (auth, STATUS_AUTH, wire.ACCESS_ACCEPT),
        (acct, STATUS_ACCT, wire.ACCOUNTING_RESPONSE),
    ):
        assert answer is not None
        assert (answer[0], answer[1]) == (code, request[1])
        assert answer[4:20] == wire.md5(
            answer[:4] + request[4:20] + answer[20:] + SECRET
        )


def test_status_server_with_a_wrong_message_authenticator_is_dropped(
    rfc_isp: Isp, rfc_nas: str
) -> None:
    ask(rfc_isp, rfc_nas, NEMO)
    wrong = STATUS_AUTH[:-1] + bytes((STATUS_AUTH[-1] ^ 1,))

    answer = wire.exchange(rfc_nas, rfc_isp.stack.auth_port, wrong, tries=2)

    assert answer is None
