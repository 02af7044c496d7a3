"""A wired 802.1X switch (hostapd) logs in, accounts, and obeys Disconnect-Requests."""

import asyncio
import contextlib
import functools
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from radius_module.coa import CoaClient, CoaOutcome, CoaRequest, CoaResult, CoaTarget

from . import hostapd
from .equipment import needs
from .hostapd import Hostapd, Supplicant, supplicant
from .network import free_udp_port
from .site import SECRET, Site
from .waiting import wait_for

pytestmark = [pytest.mark.timeout(60), needs(*hostapd.PROGRAMS)]
SWITCH = "switch"
PASSWORD = "a-door-key"


@pytest.fixture(scope="module")
def coa_port(isp: Site) -> int:
    """Register the switch, and return where it takes Disconnect-Requests."""
    port = free_udp_port(hostapd.ADDRESS)
    isp.khata(
        *("nas", "add", SWITCH, hostapd.ADDRESS, "--secret", SECRET),
        *("--vendor", "rfc", "--coa-port", str(port)),
    )
    isp.khata("package", "add", "wired", "--billing", "free")
    return port


@pytest.fixture
def switch(isp: Site, coa_port: int, tmp_path: Path) -> Iterator[Hostapd]:
    with hostapd.hostapd(
        tmp_path,
        secret=SECRET,
        auth_port=isp.running.auth_port,
        acct_port=isp.running.acct_port,
        coa_port=coa_port,
    ) as running:
        yield running


@pytest.fixture
def customer(isp: Site, coa_port: int, request: pytest.FixtureRequest) -> str:
    """Add a customer who is known to nobody but this test."""
    username = str(request.node.name).removeprefix("test_")[:60]
    isp.khata(
        *("customer", "add", username, "--password", PASSWORD, "--package", "wired")
    )
    return username


@contextlib.contextmanager
def let_in(isp: Site, switch: Hostapd, customer: str) -> Iterator[Supplicant]:
    with supplicant(switch, username=customer, password=PASSWORD) as device:
        outcome = wait_for("the switch to answer", device.outcome)
        assert outcome == "SUCCESS", isp.reject_reasons(customer)
        yield device


@pytest.fixture
def acct_session_id(isp: Site, switch: Hostapd, customer: str) -> Iterator[str]:
    """Let the customer in, and return what the switch calls the session."""
    with let_in(isp, switch, customer):
        [session_id] = wait_for("the session", switch.acct_session_ids)
        yield session_id


def disconnect(
    coa_port: int,
    *attributes: tuple[str, str | int | bytes],
    event_timestamp: bool = True,
    secret: str = SECRET,
) -> CoaResult:
    async def send() -> CoaResult:
        async with CoaClient(attempts=2, first_timeout_seconds=0.5) as client:
            return await client.send(
                CoaTarget(
                    hostapd.ADDRESS,
                    coa_port,
                    secret.encode(),
                    event_timestamp=event_timestamp,
                ),
                CoaRequest("disconnect", attributes),
            )

    return asyncio.run(send())


def test_a_login_is_let_in_and_recorded(
    isp: Site, customer: str, acct_session_id: str
) -> None:
    session = isp.session_of(customer, is_over=False)
    assert session["acct_session_id"] == acct_session_id
    [start] = [
        event
        for event in isp.events(SWITCH, "Start")
        if event["acct_session_id"] == acct_session_id
    ]
    assert start["class_value"] == session["class_value"] != ""
    assert start["nas_identifier"] == hostapd.IDENTIFIER
    assert start["nas_ip"] == hostapd.ADDRESS


def test_a_wrong_password_is_refused_and_opens_nothing(
    isp: Site, switch: Hostapd, customer: str
) -> None:
    with supplicant(switch, username=customer, password="not-it") as device:
        assert wait_for("the switch to answer", device.outcome) == "FAILURE"
    assert switch.acct_session_ids() == []
    assert isp.show(customer)["sessions"] == []
    assert isp.reject_reasons(customer) == ["BAD_CREDENTIALS"]


def test_an_unknown_name_is_refused(isp: Site, switch: Hostapd) -> None:
    with supplicant(switch, username="nobody-at-all", password="x") as device:
        assert wait_for("the switch to answer", device.outcome) == "FAILURE"
    assert isp.reject_reasons("nobody-at-all") == ["UNKNOWN_CUSTOMER"]


def test_a_session_ends_when_the_device_says_goodbye(
    isp: Site, switch: Hostapd, customer: str
) -> None:
    with let_in(isp, switch, customer) as device:
        isp.session_of(customer, is_over=False)
        device.leave()
        session = isp.session_of(customer, is_over=True)
    assert session["terminate_cause"] == "User-Request"


def test_a_wrong_session_id_is_not_found(
    switch: Hostapd, coa_port: int, acct_session_id: str
) -> None:
    result = disconnect(coa_port, ("Acct-Session-Id", "0123456789ABCDEF"))
    assert (result.outcome, result.error_cause) == (CoaOutcome.NAK, 503)
    assert switch.acct_session_ids() == [acct_session_id]


def test_an_attribute_that_identifies_nothing_is_refused(
    switch: Hostapd, coa_port: int, acct_session_id: str
) -> None:
    result = disconnect(
        coa_port, ("Acct-Session-Id", acct_session_id), ("Session-Timeout", 60)
    )
    assert (result.outcome, result.error_cause) == (CoaOutcome.NAK, 401)
    assert switch.acct_session_ids() == [acct_session_id]


def test_the_address_of_another_nas_is_refused(
    switch: Hostapd, coa_port: int, acct_session_id: str
) -> None:
    result = disconnect(
        coa_port,
        ("Acct-Session-Id", acct_session_id),
        ("NAS-IP-Address", "127.0.0.61"),
    )
    assert (result.outcome, result.error_cause) == (CoaOutcome.NAK, 403)
    assert switch.acct_session_ids() == [acct_session_id]


def test_a_request_without_its_time_is_not_answered(
    switch: Hostapd, coa_port: int, acct_session_id: str
) -> None:
    result = disconnect(
        coa_port, ("Acct-Session-Id", acct_session_id), event_timestamp=False
    )
    assert (result.outcome, result.attempts) == (CoaOutcome.TIMEOUT, 2)
    assert switch.acct_session_ids() == [acct_session_id]


def test_a_request_with_another_secret_is_not_answered(
    switch: Hostapd, coa_port: int, acct_session_id: str
) -> None:
    result = disconnect(
        coa_port, ("Acct-Session-Id", acct_session_id), secret="not-the-secret"
    )
    assert result.outcome is CoaOutcome.TIMEOUT
    assert switch.acct_session_ids() == [acct_session_id]


def test_a_right_request_ends_the_session_by_its_stop(
    isp: Site, switch: Hostapd, coa_port: int, customer: str, acct_session_id: str
) -> None:
    isp.session_of(customer, is_over=False)
    request = (
        ("User-Name", customer),
        ("Acct-Session-Id", acct_session_id),
        ("NAS-IP-Address", hostapd.ADDRESS),
    )
    assert disconnect(coa_port, *request).outcome is CoaOutcome.ACK
    assert switch.acct_session_ids() == []
    isp.session_of(customer, is_over=True)
    [stop] = [
        event
        for event in isp.events(SWITCH, "Stop")
        if event["acct_session_id"] == acct_session_id
    ]
    # hostapd's wired driver counts nothing and gives no cause for this Stop.
    assert (stop["input_octets"], stop["terminate_cause"]) == (None, "")
    # It keeps no answers either: a repeat after a lost ACK is told "not found".
    assert disconnect(coa_port, *request).error_cause == 503


def test_suspension_puts_a_running_customer_off_and_keeps_him_off(
    isp: Site, switch: Hostapd, customer: str, acct_session_id: str
) -> None:
    isp.session_of(customer, is_over=False)
    isp.khata("customer", "suspend", customer)
    wait_for("the switch to let nobody in", lambda: not switch.acct_session_ids())
    isp.session_of(customer, is_over=True)
    outcomes = wait_for(
        "the answer to be kept",
        lambda: isp.rows(
            "SELECT o.kind, o.outcome FROM outbox o JOIN login USING (customer_id)"
            " WHERE username = %s AND o.state = 'done'",
            customer,
        ),
    )
    assert outcomes == [{"kind": "disconnect", "outcome": "ACK"}]


def test_a_charged_customer_is_off_when_his_money_is_used_up(
    isp: Site, switch: Hostapd, coa_port: int
) -> None:
    """Session-Timeout and Disconnect come at the same moment: either may win."""
    isp.khata(
        *("package", "add", "by-the-second", "--billing", "per-session"),
        *("--per-minute", "60"),
    )
    customer = "a_visitor"
    isp.khata(
        *("customer", "add", customer, "--password", PASSWORD),
        *("--package", "by-the-second"),
    )
    isp.khata("wallet", "topup", customer, "5")
    with let_in(isp, switch, customer):
        session = isp.session_of(customer, is_over=True)
        assert switch.acct_session_ids() == []
    # The switch's clock of a session starts a moment after ours.
    assert session["session_seconds"] in (4, 5)
    assert session["charged"] == session["session_seconds"]
    wallet = isp.show(customer)["wallet"]
    assert Decimal(wallet["posted"]) == 5 - session["charged"]
    assert Decimal(wallet["reserved"]) == 0


def test_a_suspended_customer_is_refused(
    isp: Site, switch: Hostapd, customer: str
) -> None:
    isp.khata("customer", "suspend", customer)
    with supplicant(switch, username=customer, password=PASSWORD) as device:
        assert wait_for("the switch to answer", device.outcome) == "FAILURE"
    assert switch.acct_session_ids() == []
    assert isp.reject_reasons(customer) == ["SUSPENDED"]


def test_a_switch_that_restarts_leaves_no_session_behind(
    isp: Site, coa_port: int, customer: str, tmp_path: Path
) -> None:
    start_switch = functools.partial(
        hostapd.hostapd,
        tmp_path,
        secret=SECRET,
        auth_port=isp.running.auth_port,
        acct_port=isp.running.acct_port,
        coa_port=coa_port,
    )
    with (
        start_switch() as switch,
        let_in(isp, switch, customer),
    ):
        isp.session_of(customer, is_over=False)
        switch.process.kill()
    [on, *_] = isp.events(SWITCH, "Accounting-On")
    assert on["username"] == ""
    with start_switch():
        isp.session_of(customer, is_over=True)
