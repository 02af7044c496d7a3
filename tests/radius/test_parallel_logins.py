"""Logins side by side, and one after another where that is wanted; both are right."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from billing_core import stack
from simulators.nas import SimulatedNas
from tests.radius.conftest import running_stack
from tests.radius.isp import PASSWORD, Isp

NasOf = Callable[..., SimulatedNas]
METHODS = ("pap", "chap", "mschapv2", "eap-md5")
OPENING = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE application_name = 'khata radius opening'"
)


@pytest.fixture(scope="module")
def serialised() -> Iterator[stack.Stack]:
    """A stack that decides one login after the other."""
    with running_stack(known_nas=8, settings='parallel_logins = "no"\n') as running:
        yield running


def log_in_together(isp: Isp, nas: SimulatedNas, number: int) -> None:
    """Log many customers in at once, each by one of the ways to prove a password."""
    package = isp.package()
    users = [isp.customer(package, balance="10") for _ in range(number)]

    def log_in(number: int) -> bool:
        method = METHODS[number % 4]
        return nas.login(users[number], PASSWORD, method=method).accepted  # type: ignore[arg-type]

    with ThreadPoolExecutor(20) as threads:
        assert all(threads.map(log_in, range(number)))
    for user in users:
        assert [session["state"] for session in isp.sessions(user)] == ["opening"]
        assert isp.reserved(user) == Decimal("10.00")


def test_this_freeradius_lets_logins_call_side_by_side(isp: Isp, nas_of: NasOf) -> None:
    assert "logins call Python side by side" in isp.stack.log("freeradius")
    log_in_together(isp, nas_of(isp.stack), 80)
    assert isp.one(OPENING) == 1


def test_most_sessions_are_opened_together(isp: Isp, nas_of: NasOf) -> None:
    """The last statement over that connection is as young as the login."""
    nas, user = nas_of(isp.stack), isp.customer(balance="10")
    before = isp.one("SELECT clock_timestamp()")
    assert nas.login(user, PASSWORD).accepted
    query = (
        "SELECT query_start > %s AND query LIKE '%%open_plain_sessions%%'"
        " FROM pg_stat_activity WHERE application_name = 'khata radius opening'"
    )
    assert isp.one(query, before) is True


def test_one_login_after_another_opens_the_same_sessions(
    serialised: stack.Stack, nas_of: NasOf
) -> None:
    assert "one after another: parallel_logins = no" in serialised.log("freeradius")
    with Isp(serialised) as isp:
        log_in_together(isp, nas_of(serialised), 40)
        assert isp.one(OPENING) == 0
