"""Many devices of one customer at the same moment: one wallet, so many sessions."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier

import pytest

from simulators.nas import LoginOutcome, LoginResult, SimulatedNas
from tests.radius.isp import PASSWORD, Isp

NasOf = Callable[..., SimulatedNas]
DEVICES = 10
METHODS = ("pap", "chap", "mschapv2", "eap-md5")


def at_once(
    nases: Sequence[SimulatedNas], user: str, *, mac: str | None = None
) -> list[LoginResult]:
    """Log ten devices in at the same moment, over several NAS."""
    start = Barrier(DEVICES)

    def log_in(number: int) -> LoginResult:
        start.wait()
        return nases[number % len(nases)].login(
            user,
            PASSWORD,
            method=METHODS[number % 4],  # type: ignore[arg-type]
            mac=mac or f"02:00:00:00:02:{number:02X}",
        )

    with ThreadPoolExecutor(DEVICES) as pool:
        logins = list(pool.map(log_in, range(DEVICES)))
    assert LoginOutcome.NO_ANSWER not in {login.outcome for login in logins}
    return logins


def holds(isp: Isp, user: str) -> Decimal:
    held = isp.one(
        "SELECT coalesce(sum(held), 0) FROM reservation"
        " WHERE customer_id = %s AND state = 'open'",
        isp.customer_id(user),
    )
    return Decimal(held)


@pytest.mark.parametrize("allowed", [1, 3, 10])
def test_never_more_sessions_than_allowed_nor_more_held_than_there_is(
    allowed: int, isp: Isp, nas_of: NasOf
) -> None:
    nases = [nas_of(isp.stack), nas_of(isp.stack)]
    user = isp.customer(isp.package(sessions_allowed=allowed), balance="100")

    logins = at_once(nases, user)

    accepted = [login for login in logins if login.accepted]
    running = [s for s in isp.sessions(user) if s["ended_at"] is None]
    assert 1 <= len(accepted) <= allowed
    assert len(running) == len(accepted)
    assert {s["class_value"].encode() for s in running} == {
        login.class_value for login in accepted
    }
    assert holds(isp, user) == isp.reserved(user)
    assert 0 < isp.reserved(user) <= Decimal("100.00")
    # What the NAS were told is no more than what is held pays.
    minutes = sum(login.session_timeout_seconds or 0 for login in accepted) / 60
    assert minutes <= isp.reserved(user)
    refused = isp.rejects(user)
    assert len(refused) == DEVICES - len(accepted)
    assert set(refused) <= {"TOO_MANY_SESSIONS", "BALANCE_EXHAUSTED"}


def test_a_wallet_for_one_opens_one(isp: Isp, nas_of: NasOf) -> None:
    """Ten may, but the set-up fee is there once: the others find it held."""
    package = isp.package(
        billing="per_session", setup_fee=Decimal(5), sessions_allowed=DEVICES
    )
    user = isp.customer(package, balance="9.99")

    logins = at_once([nas_of(isp.stack)], user)

    assert sum(login.accepted for login in logins) <= 1
    assert holds(isp, user) == isp.reserved(user) <= Decimal("9.99")


def test_one_service_day_is_charged(isp: Isp, nas_of: NasOf) -> None:
    package = isp.package(
        billing="daily",
        price=Decimal(600),
        validity_seconds=30 * 86400,
        sessions_allowed=DEVICES,
    )
    user = isp.customer(package, balance="25")

    logins = at_once([nas_of(isp.stack)], user)

    assert all(login.accepted for login in logins)
    assert isp.posted(user) == Decimal("5.00")
    customer_id = isp.customer_id(user)
    assert (
        isp.one("SELECT count(*) FROM service_day WHERE customer_id = %s", customer_id)
        == 1
    )
    assert isp.one("SELECT count(*) FROM bill WHERE customer_id = %s", customer_id) == 1


def test_a_wallet_for_one_day_is_not_charged_two(isp: Isp, nas_of: NasOf) -> None:
    package = isp.package(
        billing="daily", price=Decimal(600), validity_seconds=30 * 86400
    )
    user = isp.customer(package, balance="20")

    logins = at_once([nas_of(isp.stack)], user)

    assert sum(login.accepted for login in logins) == 1
    assert isp.posted(user) == 0


def test_a_quota_is_promised_once(isp: Isp, nas_of: NasOf) -> None:
    package = isp.package(
        billing="package",
        validity_seconds=3600,
        validity_from="first_use",
        quota_octets=1_000_000_000,
        sessions_allowed=4,
    )
    user = isp.customer(package)
    isp.buy(user, package)

    logins = [x for x in at_once([nas_of(isp.stack)], user) if x.accepted]

    assert 1 <= len(logins) <= 4
    assert sum(login.total_octets_max or 0 for login in logins) <= 1_000_000_000


def test_one_device_that_asks_ten_times_has_one_session(
    isp: Isp, nas_of: NasOf
) -> None:
    user = isp.customer(balance="10")

    logins = at_once([nas_of(isp.stack)], user, mac="02:00:00:00:03:01")

    assert any(login.accepted for login in logins)
    running = [s for s in isp.sessions(user) if s["ended_at"] is None]
    assert len(running) == 1
    assert holds(isp, user) == isp.reserved(user) == Decimal("10.00")


def test_many_customers_at_once_each_get_their_own(isp: Isp, nas_of: NasOf) -> None:
    nases = [nas_of(isp.stack) for _ in range(4)]
    package = isp.package()
    users = [isp.customer(package, balance=str(n + 1)) for n in range(40)]

    def log_in(number: int) -> LoginResult:
        return nases[number % 4].login(users[number], PASSWORD, method="chap")

    with ThreadPoolExecutor(16) as pool:
        logins = list(pool.map(log_in, range(len(users))))

    for number, login in enumerate(logins):
        assert login.accepted
        assert login.session_timeout_seconds == (number + 1) * 60
        assert isp.session(users[number])["class_value"].encode() == login.class_value
