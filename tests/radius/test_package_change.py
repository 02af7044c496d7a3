"""A package change reaches the running session on the wire."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billing_core.services.changes import Change, change_package
from simulators.nas import NasSession, SimulatedNas
from tests.integration.test_billing_run import DHAKA
from tests.radius.isp import PASSWORD, Isp, until

NasOf = Callable[..., SimulatedNas]


def a_package(isp: Isp, mbps: int) -> str:
    """A monthly package of so many megabits a second."""
    rates = {"rate_up_bps": mbps * 1_000_000, "rate_down_bps": 2 * mbps * 1_000_000}
    return isp.package(billing="monthly", price=Decimal(100 * mbps), **rates)


def on_line(isp: Isp, nas: SimulatedNas) -> tuple[str, NasSession]:
    """A customer with 1 Mbit/s, on line."""
    username = isp.customer(a_package(isp, 1))
    session = nas.start_session(nas.login(username, PASSWORD))
    isp.folded()
    return username, session


def to_package(isp: Isp, username: str, package: str) -> Change:
    return change_package(
        isp.conn,
        username,
        package,
        actor="test",
        now=datetime.now(UTC),
        zone=DHAKA,
    )


def test_a_mikrotik_is_told_the_new_rates_and_the_session_goes_on(
    isp: Isp, nas_of: NasOf
) -> None:
    nas = nas_of(isp.stack)
    username, session = on_line(isp, nas)
    assert session.rate_limit == "1M/2M"

    made = to_package(isp, username, a_package(isp, 5))

    assert made.disconnects == 0
    assert nas.wait_until(lambda: session.rate_limit == "5M/10M", timeout_seconds=15)
    assert session.is_live
    acked = [("coa", "PACKAGE_CHANGED", "ACK", None)]
    assert until(lambda: isp.requests(username) == acked)


@pytest.mark.parametrize("vendor", ["rfc", "coovachilli"])
def test_a_nas_that_cannot_be_told_ends_the_session_and_gives_the_rates_at_login(
    isp: Isp, nas_of: NasOf, vendor: str
) -> None:
    nas = nas_of(isp.stack, vendor=vendor)
    username, session = on_line(isp, nas)

    made = to_package(isp, username, a_package(isp, 5))

    assert made.disconnects == 1
    assert nas.wait_until(lambda: not session.is_live, timeout_seconds=15)
    nas.flush()
    isp.folded()
    login = nas.login(username, PASSWORD)
    assert login.attributes["WISPr-Bandwidth-Max-Down"] == (10_000_000,)


def test_a_mikrotik_that_does_not_know_the_session_is_asked_to_end_it(
    isp: Isp, nas_of: NasOf
) -> None:
    nas = nas_of(isp.stack)
    username, session = on_line(isp, nas)
    session.vanish()

    to_package(isp, username, a_package(isp, 5))

    gone = [
        ("coa", "PACKAGE_CHANGED", "NAK", 503),
        ("disconnect", "PACKAGE_CHANGED", "NAK", 503),
    ]
    assert until(lambda: isp.requests(username) == gone)
