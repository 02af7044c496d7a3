"""What FreeRADIUS records of an accounting packet before it acknowledges it."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from billing_core import stack
from simulators.nas import SimulatedNas
from tests.radius.conftest import a_simulated_nas
from tests.radius.isp import Isp, until

TEXTS = [
    "User-Name",
    "NAS-Identifier",
    "NAS-Port-Id",
    "Calling-Station-Id",
    "Called-Station-Id",
]
COLUMNS = {
    "User-Name": "username",
    "NAS-Identifier": "nas_identifier",
    "NAS-Port-Id": "nas_port_id",
    "Calling-Station-Id": "calling_station_id",
    "Called-Station-Id": "called_station_id",
}


@pytest.fixture(scope="module")
def nas(radius_stack: stack.Stack) -> Iterator[SimulatedNas]:
    """One NAS for all of them: what is odd is in the packets."""
    with a_simulated_nas(radius_stack) as one:
        yield one


def recorded(
    isp: Isp, nas: SimulatedNas, *attributes: tuple[str, Any]
) -> dict[str, Any]:
    """Send a packet, see it acknowledged, and return what is on record of it."""
    start = isp.one("SELECT coalesce(max(event_id), 0) FROM acct_event")
    assert nas.send_accounting(attributes).acknowledged
    isp.folded()
    query = (
        "SELECT to_jsonb(e) FROM acct_event e JOIN nas USING (nas_id)"
        " WHERE nas.address = %s AND event_id > %s"
    )

    def found() -> list[tuple[Any, ...]]:
        return isp.rows(query, nas.address, start)

    # An odd packet takes the way of the spool, which is read each second.
    assert until(found)
    ((event,),) = found()
    return dict(event)


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"plain", "plain"),
        (b"a+b=c '\\\"%{User-Name}", "a+b=c '\\\"%{User-Name}"),
        (b"%lX6b052e30%hX", "%lX6b052e30%hX"),
        (b"\xe0\xa6\x96\xe0\xa6\xbe\xe0\xa6\xa4\xe0\xa6\xbe", "খাতা"),
        (b"=41", "=41"),
        (b"bob\x0a", "bob\n"),
        (b"tab\x09", "tab\t"),
        # What is no text stays as rlm_sql wrote it, and is nobody's name.
        (b"caf\xe9", "caf=E9"),
        (b"bob\x00x", "bob=00x"),
        (b"\x00" * 253, "=00" * 253),
    ],
)
def test_any_octets_are_recorded_and_acknowledged(
    name: str, octets: bytes, text: str, isp: Isp, nas: SimulatedNas
) -> None:
    event = recorded(
        isp,
        nas,
        ("Acct-Status-Type", "Interim-Update"),
        ("Acct-Session-Id", "odd"),
        (name, octets),
    )

    assert event["acct_session_id"] == "odd"
    value = event[COLUMNS[name]]
    if name != "User-Name":  # The worker has undone =XX there already.
        value = isp.one("SELECT unescape_radius(%s)", value)
    assert value == text


def test_a_packet_full_of_the_longest_odd_texts_is_recorded(
    isp: Isp, nas: SimulatedNas
) -> None:
    """Its record in the spool is the longest there is, and must be one write."""
    odd = bytes(range(253))
    event = recorded(
        isp,
        nas,
        ("Acct-Status-Type", "Stop"),
        ("Acct-Session-Id", odd),
        *((name, odd) for name in TEXTS),
        ("Acct-Input-Octets", 2**32 - 1),
        ("Acct-Output-Octets", 2**32 - 1),
        ("Acct-Session-Time", 2**32 - 1),
        ("Framed-IP-Address", "255.255.255.255"),
    )

    query = "SELECT count(*) FROM regexp_matches(%s, '=..', 'g')"
    assert isp.one(query, event["username"]) == 253 - 69
    assert event["session_seconds"] == 2**32 - 1


@pytest.mark.parametrize("status", [1, 2, 3, 7, 8, 9, 15, 77, 2**32 - 1])
def test_every_kind_of_report_is_recorded_and_acknowledged(
    status: int, isp: Isp, nas: SimulatedNas
) -> None:
    event = recorded(isp, nas, ("Acct-Status-Type", status))

    names = {1: "Start", 2: "Stop", 3: "Interim-Update", 7: "Accounting-On"}
    names |= {8: "Accounting-Off", 9: "Tunnel-Start", 15: "Failed"}
    assert event["status_type"] == names.get(status, str(status))


def test_gigawords_that_were_not_sent_are_not_zero(isp: Isp, nas: SimulatedNas) -> None:
    without = recorded(
        isp, nas, ("Acct-Status-Type", "Stop"), ("Acct-Input-Octets", 2**32 - 1)
    )
    with_zero = recorded(
        isp,
        nas,
        ("Acct-Status-Type", "Stop"),
        ("Acct-Output-Octets", 0),
        ("Acct-Input-Gigawords", 0),
        ("Acct-Output-Gigawords", 3),
    )

    assert without["input_octets"] == 2**32 - 1
    assert without["output_octets"] is None
    assert without["input_gigawords"] is None
    assert with_zero["input_gigawords"] == 0
    assert with_zero["output_octets"] == 0
    assert with_zero["output_gigawords"] == 3


def test_ipv6_addresses_of_nas_and_customer_are_recorded(
    isp: Isp, nas: SimulatedNas
) -> None:
    event = recorded(
        isp,
        nas,
        ("Acct-Status-Type", "Start"),
        ("NAS-IPv6-Address", "2001:db8::1"),
        ("Framed-IPv6-Prefix", "2001:db8:1::/64"),
        ("Delegated-IPv6-Prefix", "2001:db8:2::/56"),
    )

    assert event["nas_ip"] == "2001:db8::1"
    assert event["framed_ipv6"] == "2001:db8:1::/64 2001:db8:2::/56"


def test_of_several_class_attributes_ours_is_recorded(
    isp: Isp, nas: SimulatedNas
) -> None:
    event = recorded(
        isp,
        nas,
        ("Acct-Status-Type", "Start"),
        ("Class", b"\x00\xffof another server"),
        ("Class", b"k1z.9q"),
        ("Class", b"knot ours"),
    )

    assert event["class_value"] == "k1z.9q"


def test_the_time_of_an_event_is_the_nas_s_or_its_receipt_less_its_delay(
    isp: Isp, nas: SimulatedNas
) -> None:
    told = recorded(
        isp,
        nas,
        ("Acct-Status-Type", "Start"),
        ("Event-Timestamp", 1_700_000_000),
        ("Acct-Delay-Time", 30),
    )
    before = int(time.time())
    untold = recorded(isp, nas, ("Acct-Status-Type", "Start"), ("Acct-Delay-Time", 30))

    assert (told["event_epoch"], told["delay_seconds"]) == (1_700_000_000, 30)
    assert before - 30 <= untold["event_epoch"] <= int(time.time()) - 30
