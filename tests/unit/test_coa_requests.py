"""What a CoA or Disconnect request looks like on the wire, and what replies mean."""

import asyncio
import hashlib
import hmac
import socket

import pytest
from pyrad.packet import CoAPacket

from radius_module.coa import (
    ERROR_CAUSES,
    CoaClient,
    CoaOutcome,
    CoaRequest,
    CoaRequestError,
    CoaResult,
    CoaTarget,
    is_retryable,
    is_session_gone,
)
from radius_module.dictionary import radius_dictionary, raw_values

SECRET = b"xyzzy5461"
DISCONNECT = CoaRequest(
    "disconnect", (("User-Name", "nemo"), ("Acct-Session-Id", "8100000a"))
)


def written(request, *, now=1_700_000_000.9, **target):
    """Return the datagram the client writes for a request."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nas:
        nas.bind(("127.0.0.1", 0))
        nas.settimeout(5)
        wanted = CoaTarget("127.0.0.1", nas.getsockname()[1], SECRET, **target)

        async def send():
            async with CoaClient(attempts=1, first_timeout_seconds=0.01) as client:
                await client.send(wanted, request, now=lambda: now)

        asyncio.run(send())
        return nas.recv(4096)


def decoded(datagram):
    return CoAPacket(secret=SECRET, dict=radius_dictionary(), packet=datagram)


def test_the_request_authenticator_covers_the_packet_as_in_accounting():
    datagram = written(DISCONNECT)
    hashed = datagram[:4] + bytes(16) + datagram[20:] + SECRET
    expected = hashlib.md5(hashed, usedforsecurity=False).digest()
    assert datagram[4:20] == expected
    assert datagram[0] == 40
    assert int.from_bytes(datagram[2:4]) == len(datagram)


def test_the_message_authenticator_is_computed_over_a_zero_authenticator():
    datagram = written(DISCONNECT)
    (value,) = raw_values(decoded(datagram), "Message-Authenticator")
    zeroed = datagram[:4] + bytes(16) + datagram[20:].replace(value, bytes(16))
    assert value == hmac.new(SECRET, zeroed, "md5").digest()


def test_a_nas_that_wants_neither_gets_no_message_authenticator_and_no_timestamp():
    packet = decoded(
        written(DISCONNECT, message_authenticator=False, event_timestamp=False)
    )
    assert sorted(packet.keys()) == ["Acct-Session-Id", "User-Name"]


def test_the_event_timestamp_is_the_time_it_was_asked():
    assert decoded(written(DISCONNECT))["Event-Timestamp"] == [1_700_000_000]


def test_an_event_timestamp_the_caller_chose_is_kept():
    request = CoaRequest("disconnect", (("Event-Timestamp", 1_600_000_000),))
    assert decoded(written(request))["Event-Timestamp"] == [1_600_000_000]


def test_a_coa_carries_the_attributes_in_their_types():
    packet = decoded(
        written(
            CoaRequest(
                "coa",
                (
                    ("Acct-Session-Id", "8100000a"),
                    ("NAS-IP-Address", "10.0.0.1"),
                    ("Session-Timeout", 600),
                    ("Mikrotik-Rate-Limit", "5M/10M"),
                ),
            )
        )
    )
    assert packet.code == 43
    assert packet["NAS-IP-Address"] == ["10.0.0.1"]
    assert packet["Session-Timeout"] == [600]
    assert packet["Mikrotik-Rate-Limit"] == ["5M/10M"]


def test_a_class_that_looks_like_hexadecimal_text_is_sent_as_it_is():
    packet = decoded(written(CoaRequest("coa", (("Class", b"0xabcd"),))))
    assert raw_values(packet, "Class") == [b"0xabcd"]


@pytest.mark.parametrize(
    ("attribute", "complaint"),
    [
        (("No-Such-Attribute", "x"), "unknown attribute: No-Such-Attribute"),
        (("Session-Timeout", "soon"), "Session-Timeout cannot be 'soon'"),
        (("Session-Timeout", -1), "Session-Timeout cannot be -1"),
        (("Session-Timeout", 2**32), "Session-Timeout cannot be 4294967296"),
        (("NAS-IP-Address", "nowhere"), "NAS-IP-Address cannot be 'nowhere'"),
        (("User-Name", "x" * 254), "User-Name cannot be"),
        (("Class", b"x" * 254), "too long"),
        (("Mikrotik-Address-List", "x" * 250), "too long"),
    ],
)
def test_a_value_that_cannot_be_sent_is_refused_and_named(attribute, complaint):
    async def send():
        async with CoaClient(attempts=1) as client:
            target = CoaTarget("127.0.0.1", 9, SECRET)
            await client.send(target, CoaRequest("coa", (attribute,)))

    with pytest.raises(CoaRequestError, match=complaint):
        asyncio.run(send())


@pytest.mark.parametrize(
    "target",
    [
        CoaTarget("router.example", 3799, SECRET),
        CoaTarget("127.0.0.1", 3799, SECRET, source_address="here"),
        CoaTarget("127.0.0.1", 0, SECRET),
        CoaTarget("127.0.0.1", 65536, SECRET),
    ],
)
def test_a_target_that_is_no_address_and_port_is_refused(target):
    async def send():
        async with CoaClient(attempts=1) as client:
            await client.send(target, DISCONNECT)

    with pytest.raises(CoaRequestError):
        asyncio.run(send())


def test_a_packet_of_more_than_4096_octets_is_refused():
    request = CoaRequest("coa", (("Reply-Message", "x" * 253),) * 17)

    async def send():
        async with CoaClient(attempts=1) as client:
            await client.send(CoaTarget("127.0.0.1", 9, SECRET), request)

    with pytest.raises(CoaRequestError, match="too long"):
        asyncio.run(send())


def test_the_secret_is_not_printed_with_its_target():
    assert "xyzzy" not in repr(CoaTarget("127.0.0.1", 3799, SECRET))


@pytest.mark.parametrize(
    ("outcome", "error_cause", "retryable"),
    [
        (CoaOutcome.ACK, None, False),
        (CoaOutcome.TIMEOUT, None, True),
        (CoaOutcome.NAK, None, True),
        (CoaOutcome.NAK, 506, True),
        *((CoaOutcome.NAK, cause, False) for cause in ERROR_CAUSES if cause != 506),
    ],
)
def test_only_what_time_may_mend_is_retried(outcome, error_cause, retryable):
    assert is_retryable(CoaResult(outcome, error_cause, 1, 0.1)) is retryable


def test_a_session_the_nas_does_not_know_is_gone():
    assert is_session_gone(CoaResult(CoaOutcome.NAK, 503, 1, 0.1))
    assert not is_session_gone(CoaResult(CoaOutcome.NAK, 504, 1, 0.1))
    assert not is_session_gone(CoaResult(CoaOutcome.ACK, None, 1, 0.1))
