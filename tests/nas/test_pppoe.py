"""A PPPoE concentrator (pppoe-server, pppd with its RADIUS plugin) as ISPs have it."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from . import uml
from .equipment import needs
from .site import SECRET, Site
from .uml import Concentrator
from .waiting import wait_for

pytestmark = [
    pytest.mark.nas,
    pytest.mark.timeout(240),
    needs(*uml.PROGRAMS, devices=("/dev/net/tun",)),
]
BRAS = "bras"
PASSWORD = "a-phone-line"
LINE, OTHER_LINE = 0, 1
# pppd(8): 16 the link was hung up, 19 we could not authenticate ourselves. Which of
# them it is depends on whether the peer's refusal or its goodbye is read first.
REFUSED = (16, 19)


@pytest.fixture(scope="module")
def machine(
    isp: Site, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Concentrator]:
    isp.khata(
        *("nas", "add", BRAS, uml.ADDRESS, "--secret", SECRET),
        *("--vendor", "rfc", "--no-coa", "--interim-interval", "60"),
    )
    with uml.pppoe_concentrator(
        tmp_path_factory.mktemp("bras"),
        secret=SECRET,
        auth_port=isp.running.auth_port,
        acct_port=isp.running.acct_port,
    ) as running:
        yield running


@pytest.fixture
def concentrator(machine: Concentrator) -> Iterator[Concentrator]:
    """Lend the concentrator, and hang up on every line when the test is over."""
    yield machine
    hang_up_all(machine)


def add_package(isp: Site, name: str, *options: str) -> str:
    isp.khata("package", "add", name, *options)
    return name


def add_customer(
    isp: Site, username: str, package: str, *options: str, top_up: str = "0"
) -> str:
    isp.khata(
        *("customer", "add", username, "--password", PASSWORD, "--package", package),
        *options,
    )
    if top_up != "0":
        isp.khata("wallet", "topup", username, top_up)
    return username


def wallet(isp: Site, username: str) -> dict[str, Decimal]:
    return {
        name: Decimal(amount) for name, amount in isp.show(username)["wallet"].items()
    }


def log_in(concentrator: Concentrator, line: int, username: str) -> None:
    concentrator.dial(line, username, PASSWORD)
    wait_for_link(concentrator, line)


def hang_up_all(concentrator: Concentrator) -> None:
    for line in range(uml.LINES):
        concentrator.hang_up(line)


def wait_for_sessions(
    isp: Site, usernames: set[str], state: str, at_least: int
) -> list[dict[str, Any]]:
    """Wait for so many sessions in a state, none at all for 0; oldest first."""

    def look() -> tuple[list[dict[str, Any]]] | None:
        found = isp.rows(
            "SELECT * FROM acct_session WHERE username = ANY(%s) AND state = %s"
            " ORDER BY session_id",
            *(list(usernames), state),
        )
        is_seen = len(found) >= at_least if at_least else not found
        return (found,) if is_seen else None

    seen = wait_for(f"{at_least} sessions to be {state}", look)
    assert seen is not None
    return seen[0]


def wait_for_link(concentrator: Concentrator, line: int) -> None:
    def look() -> str | None:
        assert concentrator.exit_code(line) is None, concentrator.client_log(line)
        return concentrator.address(line)

    wait_for("the link to come up", look)


def test_pppd_ends_a_charged_session_when_the_money_is_used_up(
    isp: Site, concentrator: Concentrator
) -> None:
    package = add_package(
        *(isp, "by-the-minute", "--billing", "per-session"),
        *("--per-minute", "60"),
    )
    customer = add_customer(isp, "prepaid", package, top_up="70")
    log_in(concentrator, LINE, customer)
    concentrator.download(LINE, 300_000)
    wait_for(
        "pppd to hang up at its Session-Timeout",
        lambda: concentrator.exit_code(LINE) is not None,
        seconds=120,
    )
    session = isp.session_of(customer, is_over=True)
    assert session["terminate_cause"] == "Session-Timeout"
    assert session["session_seconds"] == 70
    # Headers of PPP and TCP come on top of what was fetched.
    assert 300_000 < session["output_octets"] < 330_000
    assert 0 < session["input_octets"] < 30_000
    statuses = isp.rows(
        "SELECT status_type, session_seconds FROM acct_event WHERE username = %s"
        " ORDER BY event_id",
        customer,
    )
    assert [tuple(status.values()) for status in statuses] == [
        ("Start", None),
        ("Interim-Update", 60),
        ("Stop", 70),
    ]
    assert set(wallet(isp, customer).values()) == {Decimal(0)}
    [bill] = isp.show(customer)["bills"]
    assert Decimal(bill["gross"]) == Decimal(70)


def test_a_refused_customer_is_told_why(isp: Site, concentrator: Concentrator) -> None:
    package = add_package(
        *(isp, "home-daily", "--billing", "daily", "--price", "300"),
        *("--validity", "30d"),
    )
    customer = add_customer(isp, "penniless", package)
    concentrator.dial(LINE, customer, PASSWORD)
    exit_code = wait_for("pppd to give up", lambda: concentrator.exit_code(LINE))
    assert exit_code in REFUSED
    assert isp.reject_reasons(customer) == ["BALANCE_EXHAUSTED"]
    assert "balance" in concentrator.client_log(LINE).lower()


def test_a_customer_gets_his_own_address_and_no_second_session(
    isp: Site, concentrator: Concentrator
) -> None:
    package = add_package(isp, "free-d", "--billing", "free")
    customer = add_customer(isp, "fixed", package, "--static-ip", "10.9.0.77")
    log_in(concentrator, LINE, customer)
    assert concentrator.address(LINE) == "10.9.0.77"
    concentrator.dial(OTHER_LINE, customer, PASSWORD)
    wait_for("pppd to give up", lambda: concentrator.exit_code(OTHER_LINE))
    assert isp.reject_reasons(customer) == ["TOO_MANY_SESSIONS"]
    assert concentrator.address(LINE) == "10.9.0.77"
    session = isp.session_of(customer, is_over=False)
    assert str(session["framed_ip"]) == "10.9.0.77"


def test_a_wrong_password_is_refused(isp: Site, concentrator: Concentrator) -> None:
    package = add_package(isp, "free-a", "--billing", "free")
    customer = add_customer(isp, "forgetful", package)
    concentrator.dial(LINE, customer, "not-it")
    exit_code = wait_for("pppd to give up", lambda: concentrator.exit_code(LINE))
    assert exit_code in REFUSED
    assert isp.reject_reasons(customer) == ["BAD_CREDENTIALS"]


def test_a_service_day_is_charged_at_the_first_login_of_the_day_only(
    isp: Site, concentrator: Concentrator
) -> None:
    package = add_package(
        *(isp, "home-30", "--billing", "daily", "--price", "300"),
        *("--validity", "30d"),
    )
    customer = add_customer(isp, "daily", package, top_up="25")
    for _ in range(2):
        log_in(concentrator, LINE, customer)
        concentrator.hang_up(LINE)
        session = isp.session_of(customer, is_over=True)
        assert session["terminate_cause"] == "User-Request"
        assert wallet(isp, customer)["posted"] == Decimal(15)


def test_sessions_that_share_their_id_are_told_apart(
    isp: Site, concentrator: Concentrator
) -> None:
    """Debian 12's pppd numbers sessions by the second, and not even that rightly.

    Two of one household that begin together differ in nothing but our Class.
    """
    package = add_package(isp, "free-b", "--billing", "free", "--sessions", "2")
    household = add_customer(isp, "household", package)
    callers = (household, household, add_customer(isp, "neighbour", package))

    def dial_together() -> bool:
        for line, customer in enumerate(callers):
            concentrator.dial(line, customer, PASSWORD)
        for line in range(len(callers)):
            wait_for_link(concentrator, line)
        started = wait_for_sessions(isp, set(callers), "open", len(callers))
        ids = [s["acct_session_id"] for s in started if s["username"] == household]
        if len(set(ids)) == 1:
            return True
        hang_up_all(concentrator)
        wait_for_sessions(isp, set(callers), "open", 0)
        return False

    assert any(dial_together() for _ in range(8)), "never in the same second"
    for line in range(len(callers)):
        concentrator.download(line, 100_000 * (line + 1))
    hang_up_all(concentrator)
    wait_for_sessions(isp, set(callers), "open", 0)
    ended = wait_for_sessions(isp, set(callers), "ended", len(callers))[-len(callers) :]
    counted = sorted((s["username"], s["output_octets"]) for s in ended)
    wanted = [(household, 100_000), (household, 200_000), ("neighbour", 300_000)]
    for (username, octets), (caller, fetched) in zip(counted, wanted, strict=True):
        assert username == caller
        assert fetched < octets < fetched * 1.1


def test_a_stop_waits_for_a_server_that_is_down(
    isp: Site, concentrator: Concentrator
) -> None:
    package = add_package(isp, "free-c", "--billing", "free")
    customer = add_customer(isp, "patient", package)
    log_in(concentrator, LINE, customer)
    concentrator.download(LINE, 50_000)
    isp.session_of(customer, is_over=False)
    isp.running.kill("freeradius")
    concentrator.hang_up(LINE)
    isp.running.start("freeradius")
    isp.wait_until_logins_are_decided()
    session = isp.session_of(customer, is_over=True)
    assert session["terminate_cause"] == "User-Request"
    assert session["output_octets"] > 50_000
