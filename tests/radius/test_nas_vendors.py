"""What each vendor's NAS is told, and what it is asked, in its own words."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from simulators.nas import CoaBehaviour, LoginResult, Quirks, SimulatedNas
from tests.radius.isp import PASSWORD, Isp, until

NasOf = Callable[..., SimulatedNas]
GIB = 1 << 30
VENDORS = ("mikrotik", "rfc", "coovachilli", "accel-ppp")

RATES: dict[str, dict[str, tuple[Any, ...]]] = {
    "mikrotik": {"Mikrotik-Rate-Limit": ("2M/8M",)},
    "rfc": {
        "WISPr-Bandwidth-Max-Up": (2_000_000,),
        "WISPr-Bandwidth-Max-Down": (8_000_000,),
    },
    "coovachilli": {
        "WISPr-Bandwidth-Max-Up": (2_000_000,),
        "WISPr-Bandwidth-Max-Down": (8_000_000,),
    },
    # kbit/s, and download first: accel-ppp's own order.
    "accel-ppp": {"Filter-Id": ("8000/2000",)},
}
OCTETS: dict[str, dict[str, tuple[Any, ...]]] = {
    "mikrotik": {
        "Mikrotik-Total-Limit": (GIB,),
        "Mikrotik-Total-Limit-Gigawords": (1,),
    },
    "coovachilli": {
        "ChilliSpot-Max-Total-Octets": (GIB,),
        "ChilliSpot-Max-Total-Gigawords": (1,),
    },
    "rfc": {},
    "accel-ppp": {},
}
ENFORCED = {name for table in (RATES, OCTETS) for x in table.values() for name in x}


def log_in(isp: Isp, nas: SimulatedNas, **package: Any) -> LoginResult:
    facts: dict[str, Any] = {
        "billing": "package",
        "validity_seconds": 3600,
        "validity_from": "first_use",
        "quota_octets": 5 * GIB,
        "rate_up_bps": 2_000_000,
        "rate_down_bps": 8_000_000,
    }
    name = isp.package(**(facts | package))
    user = isp.customer(name)
    isp.buy(user, name)
    login = nas.login(user, PASSWORD)
    assert login.accepted, login.reply_message
    return login


@pytest.mark.parametrize("vendor", VENDORS)
def test_each_vendor_is_told_rates_and_octets_in_its_own_attributes(
    vendor: str, isp: Isp, nas_of: NasOf
) -> None:
    login = log_in(isp, nas_of(isp.stack, vendor=vendor))

    told = {k: v for k, v in login.attributes.items() if k in ENFORCED}
    assert told == RATES[vendor] | OCTETS[vendor]
    assert login.session_timeout_seconds == 3600
    assert login.interim_interval_seconds == 60
    assert login.class_value


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_package_without_rates_sets_none(
    vendor: str, isp: Isp, nas_of: NasOf
) -> None:
    nas = nas_of(isp.stack, vendor=vendor)
    login = log_in(isp, nas, rate_up_bps=None, rate_down_bps=None, quota_octets=None)

    assert not ENFORCED & set(login.attributes)


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_disconnect_carries_identification_and_nothing_else(
    vendor: str, isp: Isp, nas_of: NasOf
) -> None:
    """RFC 5176 §3: anything else may be answered NAK 401."""
    nas = nas_of(isp.stack, vendor=vendor, quirks=Quirks(honours_limits=False))
    user = isp.customer(balance="1")
    session = nas.start_session(nas.login(user, PASSWORD))

    nas.advance(61)

    assert until(lambda: not session.is_live)
    (received,) = nas.coa_received
    assert received.answer == "ACK"
    assert received.attributes["Acct-Session-Id"] == (session.acct_session_id,)
    assert received.attributes["User-Name"] == (user,)
    expected = {"User-Name", "Acct-Session-Id", "Event-Timestamp"}
    if vendor in ("mikrotik", "rfc"):
        expected |= {"NAS-IP-Address"}
    if vendor == "mikrotik":
        expected |= {"Framed-IP-Address"}
    assert set(received.attributes) - {"Message-Authenticator"} == expected


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_top_up_tells_each_vendor_what_it_can_hear(
    vendor: str, isp: Isp, nas_of: NasOf
) -> None:
    nas = nas_of(isp.stack, vendor=vendor)
    nas.coa_behaviour = CoaBehaviour(answer="ack")
    package = isp.package(
        billing="per_session", price_per_minute=Decimal(1), increment_seconds=60
    )
    user = isp.customer(package, balance="1")
    session = nas.start_session(nas.login(user, PASSWORD))
    isp.folded()

    isp.cash(user, "2")

    assert until(lambda: nas.coa_received)
    received = nas.coa_received[0]
    assert received.kind == "coa"
    assert received.attributes["Session-Timeout"] == (180,)
    assert received.attributes["Acct-Session-Id"] == (session.acct_session_id,)


def test_an_identifier_that_needs_escaping_reaches_the_nas_unchanged(
    isp: Isp, nas_of: NasOf
) -> None:
    """rlm_sql writes what it does not trust as =XX; a NAS knows only its own word."""
    nas = nas_of(isp.stack, quirks=Quirks(honours_limits=False))
    user = isp.customer(balance="1")
    odd = "81(0)+'%lX6b0309d6%hX'=3D;é"
    login = nas.login(user, PASSWORD, extra=[("Acct-Session-Id", odd)])
    session = nas.start_session(login, acct_session_id=odd)

    nas.advance(61)

    assert until(lambda: not session.is_live)
    assert nas.coa_received[0].attributes["Acct-Session-Id"] == (odd,)
    isp.folded()
    assert isp.session(user)["acct_session_id"] == odd


def test_a_nas_that_swaps_octets_is_read_the_other_way_round(
    isp: Isp, nas_of: NasOf
) -> None:
    nas = nas_of(isp.stack, octets_swapped=True, quirks=Quirks(swapped_counters=True))
    user = isp.customer(isp.package(billing="free"))
    session = nas.start_session(nas.login(user, PASSWORD), up=1000, down=900_000_000)

    nas.advance(120)
    session.stop()
    isp.folded()

    seen = isp.session(user)
    assert seen["input_octets"] == session.input_octets == 120_000
    assert seen["output_octets"] == session.output_octets == 108_000_000_000


@pytest.mark.parametrize("sends_gigawords", [True, False])
def test_more_than_4_gib_is_counted_with_gigawords_or_without(
    sends_gigawords: bool, isp: Isp, nas_of: NasOf
) -> None:
    nas = nas_of(isp.stack, quirks=Quirks(sends_gigawords=sends_gigawords))
    user = isp.customer(isp.package(billing="free"))
    # Without Gigawords a fall tells of a wrap as long as less than 2 GiB came between
    # two reports; a smaller fall may be a late packet.
    session = nas.start_session(
        nas.login(user, PASSWORD), up=10_000_000, down=20_000_000
    )

    nas.advance(600)
    session.stop()
    isp.folded()

    seen = isp.session(user)
    assert seen["output_octets"] == session.output_octets > 5 * GIB
    assert seen["input_octets"] == session.input_octets
