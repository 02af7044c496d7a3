"""A router's DHCP server asks about devices; suspension reaches those it leased to."""

import itertools
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing_core.db.profiles import NewProfile, insert_profile
from billing_core.services.billing_run import bill_by_hand
from billing_core.services.suspension import review_service
from simulators.nas import Flavour, SimulatedNas
from simulators.nas.attributes import client_identifier
from tests.integration.test_billing_run import DHAKA
from tests.radius.isp import PASSWORD, Isp, disconnected, until

NasOf = Callable[..., SimulatedNas]
_numbers = itertools.count(1)


def a_mac() -> str:
    """A MAC address of nobody else, with octets that have leading zeros."""
    number = os.getpid() % 0x10000
    return f"02:00:{number >> 8:02X}:{number & 255:02X}:0A:{next(_numbers):02X}"


def address_of(mac: str) -> str:
    """The fixed address of a device: nobody else may have it."""
    return f"10.77.0.{int(mac[-2:], 16)}"


@pytest.fixture
def nas(isp: Isp, nas_of: NasOf) -> SimulatedNas:
    """A router that leases addresses."""
    return nas_of(isp.stack, flavour=Flavour.DHCP)


def a_device(isp: Isp, mac: str, **profile: Any) -> str:
    """A customer with a fixed address, who is his device; billed monthly."""
    name = f"leases {mac}"
    package = isp.package(
        billing="monthly", price=Decimal(600), framed_pool="homes", name=name
    )
    insert_profile(
        isp.conn, NewProfile(name=name, billing_type="monthly", due_days=1, **profile)
    )
    facts = {"username": mac, "password": None, "framed_ip": address_of(mac)}
    return isp.customer(package, kind="static", profile=name, **facts)


def let_fall_overdue(isp: Isp, username: str) -> None:
    """Bill him for a month that began ten days ago, and look who has not paid."""
    customer_id, now = isp.customer_id(username), datetime.now(UTC)
    joined = now - timedelta(days=10)
    isp.conn.execute(
        "UPDATE customer SET activated_at = %s WHERE customer_id = %s",
        [joined, customer_id],
    )
    bill_by_hand(
        isp.conn, customer_id, as_of=joined, now=joined, zone=DHAKA, actor="test"
    )
    with isp.conn.transaction():
        review_service(isp.conn, [customer_id], now=now, actor="test")


SPELLINGS: dict[str, Callable[[str], str]] = {
    "as RouterOS": lambda mac: mac,
    "lower case": str.lower,
    "hyphens": lambda mac: mac.replace(":", "-"),
    "bare": lambda mac: mac.replace(":", ""),
    "as Cisco": lambda mac: (
        f"{mac[0:2]}{mac[3:5]}.{mac[6:8]}{mac[9:11]}.{mac[12:14]}{mac[15:17]}"
    ),
}
PROOFS = {
    "empty": lambda mac: {"password": ""},
    "none": lambda mac: {"password": "", "method": "none"},
    "the MAC address": lambda mac: {"password": mac},
}


@pytest.mark.parametrize("proof", PROOFS)
def test_a_device_gets_its_address_and_is_accounted_for(
    isp: Isp, nas: SimulatedNas, proof: str
) -> None:
    mac = a_mac()
    username = a_device(isp, mac)

    lease = nas.login(mac, mac=mac, **PROOFS[proof](mac))

    assert lease.accepted
    assert (lease.framed_ip, lease.framed_pool) == (address_of(mac), None)
    session = nas.start_session(lease, up=100, down=1000)
    nas.advance(120)
    session.stop()
    isp.folded()
    (kept,) = isp.sessions(username)
    assert kept["state"] == "ended"
    assert kept["calling_station_id"] == mac
    assert kept["output_octets"] == 120_000


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_device_is_known_however_it_is_spelled(
    isp: Isp, nas: SimulatedNas, spelling: str
) -> None:
    mac = a_mac()
    written = SPELLINGS[spelling](mac)
    a_device(isp, written)

    lease = nas.login(written, "", mac=mac)
    again = nas.login(mac, "", mac=mac, extra=[("Calling-Station-Id", written)])

    assert (lease.framed_ip, again.framed_ip) == (address_of(mac),) * 2


def test_a_renewed_lease_takes_the_place_of_the_one_before(
    isp: Isp, nas: SimulatedNas
) -> None:
    mac = a_mac()
    username = a_device(isp, mac)
    nas.start_session(nas.login(mac, "", mac=mac))
    isp.folded()

    assert nas.login(mac, "", mac=mac).accepted

    states = [session["state"] for session in isp.sessions(username)]
    assert states == ["ended", "opening"]


def test_suspension_ends_a_lease_and_gives_no_other_and_payment_does(
    isp: Isp, nas: SimulatedNas
) -> None:
    mac = a_mac()
    username = a_device(isp, mac)
    session = nas.start_session(nas.login(mac, "", mac=mac))
    isp.folded()

    let_fall_overdue(isp, username)

    assert nas.wait_until(lambda: not session.is_live, timeout_seconds=15)
    assert disconnected(nas) == [mac]
    refused = nas.login(mac, "", mac=mac)
    assert not refused.accepted
    assert "suspended" in refused.reply_message
    assert until(lambda: isp.rejects(mac) == ["SUSPENDED"])

    isp.cash(username, "600")
    assert nas.login(mac, "", mac=mac).framed_ip == address_of(mac)


@pytest.mark.parametrize(
    ("profile", "got"),
    [
        (
            {"suspended_state": "pool", "suspended_pool": "suspended"},
            ("suspended", None, False),
        ),
        (
            {"suspended_state": "address_list", "suspended_address_list": "due"},
            (None, "due", True),
        ),
    ],
    ids=["pool", "address list"],
)
def test_a_suspended_device_is_put_where_its_profile_says(
    isp: Isp,
    nas: SimulatedNas,
    profile: dict[str, str],
    got: tuple[str | None, str | None, bool],
) -> None:
    mac = a_mac()
    let_fall_overdue(isp, a_device(isp, mac, **profile))

    lease = nas.login(mac, "", mac=mac)

    assert lease.accepted
    keeps_address = lease.framed_ip == address_of(mac)
    assert (lease.framed_pool, lease.address_list, keeps_address) == got


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a wrong password", {"password": "guess"}),
        ("a password by CHAP", {"password": "", "method": "chap"}),
        ("MS-CHAP", {"password": "", "method": "mschapv2"}),
        ("EAP", {"password": "", "method": "eap-md5"}),
        ("another device", {"password": "", "mac": "02:00:5E:FF:00:01"}),
        ("no device", {"password": "", "extra": [("Calling-Station-Id", None)]}),
        ("PPPoE", {"password": "", "extra": [("Framed-Protocol", "PPP")]}),
    ],
)
def test_who_is_no_dhcp_server_asking_about_that_device_is_refused(
    isp: Isp, nas: SimulatedNas, name: str, how: dict[str, Any]
) -> None:
    mac = a_mac()
    username = a_device(isp, mac)

    login = nas.login(mac, **({"mac": mac} | how))

    assert not login.accepted, name
    assert isp.left_nothing(username)


@pytest.mark.parametrize("kind", ["pppoe", "static"])
@pytest.mark.parametrize("proof", PROOFS)
def test_nobody_with_a_password_comes_in_without_it(
    isp: Isp, nas: SimulatedNas, kind: str, proof: str
) -> None:
    mac = a_mac()
    package = isp.package(billing="free")
    username = isp.customer(package, username=mac, kind=kind)

    assert not nas.login(mac, mac=mac, **PROOFS[proof](mac)).accepted
    assert isp.left_nothing(username)
    assert nas.login(mac, PASSWORD, mac=mac).accepted


def test_the_simulated_dhcp_server_writes_devices_as_routeros_does() -> None:
    assert client_identifier("00:E1:0C:38:C8:F8") == "1:0:e1:c:38:c8:f8"
