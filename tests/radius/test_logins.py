"""Logins that are accepted, and what the reply says on the wire."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from billing_core import stack
from simulators.nas import Flavour, Quirks, SimulatedNas
from tests.radius.isp import PASSWORD, Isp

NasOf = Callable[..., SimulatedNas]
GIB = 1 << 30
METHODS = ("pap", "chap", "mschapv2", "eap-md5")


@pytest.mark.parametrize("method", METHODS)
def test_each_way_to_prove_a_password_opens_exactly_one_session(
    method: str, isp: Isp, nas_of: NasOf
) -> None:
    nas = nas_of(isp.stack)
    user = isp.customer(balance="10")

    login = nas.login(user, PASSWORD, method=method)

    assert login.accepted
    assert login.has_message_authenticator
    session = isp.session(user)
    assert session["state"] == "opening"
    assert session["acct_session_id"] == login.acct_session_id
    assert session["calling_station_id"] == login.mac
    assert isp.reserved(user) == Decimal("10.00")
    assert isp.posted(user) == Decimal("10.00")


@pytest.mark.parametrize("method", METHODS)
def test_a_repeat_of_the_same_request_opens_no_second_session(
    method: str, isp: Isp, nas_of: NasOf
) -> None:
    """The answer is lost, the NAS asks again with the same packet (RFC 2865 §2.5)."""
    nas = nas_of(isp.stack)
    user = isp.customer(isp.package(sessions_allowed=5, billing="free"))

    first = nas.login(user, PASSWORD, method=method, mac="02:00:00:00:00:01")
    again = nas.login(user, PASSWORD, method=method, mac="02:00:00:00:00:01")

    assert first.accepted
    assert again.accepted
    running = [s for s in isp.sessions(user) if s["ended_at"] is None]
    assert len(running) == 1


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "password",
    [
        "%{User-Name} %n \\x41\\n $1 `id` '\"",
        "গোপন শব্দ",
        "0x4141",
        "{clear}x",
        "a" * 128,
    ],
)
def test_odd_passwords_are_what_they_are(
    method: str, password: str, isp: Isp, nas_of: NasOf
) -> None:
    nas = nas_of(isp.stack)
    user = isp.customer(isp.package(billing="free"), password=password)

    assert nas.login(user, password, method=method).accepted
    assert not nas.login(user, password[:-1], method=method).accepted


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "name",
    [
        "o'; DROP TABLE login; --",
        "%{User-Password}%{sql:SELECT 1}",
        "realm\\user@isp=bd",
        "রহিম",
        "x" * 253,
        "=41=42",
    ],
)
def test_odd_usernames_are_what_they_are(
    method: str, name: str, isp: Isp, nas_of: NasOf
) -> None:
    nas = nas_of(isp.stack)
    user = isp.customer(
        isp.package(billing="free", sessions_allowed=10),
        username=(name + method + isp.package()[-6:])[-253:],
    )

    login = nas.login(user, PASSWORD, method=method)
    assert login.accepted
    nas.start_session(login).stop()
    isp.folded()

    assert isp.session(user)["terminate_cause"] == "User-Request"
    assert isp.events(user) == ["Start", "Stop"]


def test_a_mikrotik_is_told_everything_it_must_enforce(isp: Isp, nas_of: NasOf) -> None:
    nas = nas_of(isp.stack)
    package = isp.package(
        billing="package",
        validity_seconds=7200,
        validity_from="purchase",
        quota_octets=5 * GIB,
        rate_up_bps=512_000,
        rate_down_bps=20_000_000,
        framed_pool="homes",
        interim_interval_seconds=120,
        idle_timeout_seconds=900,
    )
    user = isp.customer(package)
    isp.buy(user, package)

    login = nas.login(user, PASSWORD)

    assert login.accepted
    assert login.rate_limit == "512k/20M"  # the customer's upload first
    assert login.framed_pool == "homes"
    assert login.framed_ip is None
    assert login.interim_interval_seconds == 120
    assert login.idle_timeout_seconds == 900
    assert login.session_timeout_seconds is not None
    assert 7000 < login.session_timeout_seconds <= 7200
    assert login.total_octets_max == 5 * GIB
    assert login.attributes["Mikrotik-Total-Limit"] == (GIB,)
    assert login.attributes["Mikrotik-Total-Limit-Gigawords"] == (1,)
    assert login.class_value is not None
    assert login.class_value.startswith(b"k")
    assert len(login.class_value) <= 16
    assert len(login.attributes["Class"]) == 1


def test_a_quota_of_whole_gigawords_never_leaves_as_zero_octets(
    isp: Isp, nas_of: NasOf
) -> None:
    nas = nas_of(isp.stack)
    package = isp.package(
        billing="package",
        validity_seconds=7200,
        validity_from="purchase",
        quota_octets=8 * GIB,
    )
    user = isp.customer(package)
    isp.buy(user, package)

    login = nas.login(user, PASSWORD)

    assert login.attributes["Mikrotik-Total-Limit"] != (0,)
    assert login.total_octets_max is not None
    assert 8 * GIB - 1 <= login.total_octets_max <= 8 * GIB


def test_a_static_address_takes_the_place_of_the_pool(isp: Isp, nas_of: NasOf) -> None:
    nas = nas_of(isp.stack)
    package = isp.package(billing="free", framed_pool="homes")
    user = isp.customer(package, framed_ip="203.0.113.9")

    login = nas.login(user, PASSWORD)

    assert login.framed_ip == "203.0.113.9"
    assert login.framed_pool is None


def test_a_wallet_of_less_than_a_second_is_refused_and_never_given_zero_seconds(
    isp: Isp, nas_of: NasOf
) -> None:
    """0.01 buys no whole second at 6000.00 a minute; Session-Timeout 0 is no limit."""
    nas = nas_of(isp.stack)
    package = isp.package(
        billing="per_session", price_per_minute=Decimal(6000), increment_seconds=1
    )
    poor = isp.customer(package, balance="0.01")
    rich = isp.customer(package, balance="100")

    refused = nas.login(poor, PASSWORD)
    accepted = nas.login(rich, PASSWORD)

    assert not refused.accepted
    assert isp.rejects(poor) == ["BALANCE_EXHAUSTED"]
    assert accepted.session_timeout_seconds == 1
    assert isp.left_nothing(poor)


def test_a_price_per_mb_limits_octets_on_the_wire(isp: Isp, nas_of: NasOf) -> None:
    nas = nas_of(isp.stack, flavour=Flavour.HOTSPOT)
    package = isp.package(
        billing="per_session", price_per_mb=Decimal("0.001"), increment_octets=1_000_000
    )
    user = isp.customer(package, balance="10")

    login = nas.login(user, PASSWORD, method="chap")

    # The last 0.005 is rounded up only beyond it: 10.00 buys a little over 10 GB.
    assert login.total_octets_max is not None
    assert 10_000_000_000 <= login.total_octets_max < 10_005_000_000
    assert login.session_timeout_seconds is None


def test_a_daily_customer_is_charged_at_the_first_login_of_the_day_only(
    isp: Isp, nas_of: NasOf
) -> None:
    nas = nas_of(isp.stack)
    package = isp.package(
        billing="daily", price=Decimal(600), validity_seconds=30 * 86400
    )
    user = isp.customer(package, balance="100")

    for method in METHODS:
        login = nas.login(user, PASSWORD, method=method, mac="02:00:00:00:00:07")
        assert login.accepted
        assert (login.session_timeout_seconds or 0) > 0

    assert isp.posted(user) == Decimal("80.00")
    bills = "SELECT kind, gross, status FROM bill WHERE customer_id = %s"
    assert isp.rows(bills, isp.customer_id(user)) == [
        ("service_day", Decimal("20.00"), "paid")
    ]


def test_replies_are_signed_whether_they_accept_refuse_or_challenge(
    isp: Isp, nas_of: NasOf
) -> None:
    """RouterOS 7 drops replies without Message-Authenticator (radius.md §0.7)."""
    nas = nas_of(isp.stack, quirks=Quirks(message_authenticator=False))
    user = isp.customer(isp.package(billing="free"))

    for method in METHODS:
        accepted = nas.login(user, PASSWORD, method=method, mac="02:00:00:00:00:08")
        refused = nas.login(user, "not it", method=method, mac="02:00:00:00:00:08")
        # The simulated NAS hears no unsigned reply, challenges included.
        assert accepted.accepted
        assert accepted.has_message_authenticator
        assert refused.outcome.name == "REJECT"
        assert refused.has_message_authenticator


def test_the_nas_interval_stands_in_when_the_package_names_none(
    isp: Isp, nas_of: NasOf
) -> None:
    nas = nas_of(isp.stack)
    user = isp.customer(isp.package(billing="free"))

    assert nas.login(user, PASSWORD).interim_interval_seconds == 60


def test_a_nas_added_while_the_server_runs_is_heard_without_a_restart(
    isp: Isp, nas_of: NasOf
) -> None:
    before = isp.stack.pid("freeradius")
    nas = nas_of(isp.stack, is_known=False)
    user = isp.customer(isp.package(billing="free"))

    login = nas.login(user, PASSWORD)
    nas.start_session(login).stop()
    isp.folded()

    assert isp.events(user) == ["Start", "Stop"]
    assert isp.stack.pid("freeradius") == before


def test_no_password_is_in_any_log(isp: Isp, nas_of: NasOf) -> None:
    nas = nas_of(isp.stack)
    secret = "correct-horse-battery-staple"
    user = isp.customer(isp.package(billing="free"), password=secret)

    for method in METHODS:
        nas.login(user, secret, method=method)
        nas.login(user, secret + "-wrong", method=method)

    files = [path for path in isp.stack.var.rglob("*.log") if path.is_file()]
    assert files
    for path in files:
        assert secret not in path.read_text(encoding="utf-8", errors="replace"), path


def test_the_stack_under_test_runs_with_threads(radius_stack: stack.Stack) -> None:
    """-X is single-threaded and hides faults (radius.md §0.4)."""
    pid = radius_stack.pid("freeradius")
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        arguments = file.read().split(b"\0")
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        (threads,) = (x for x in file if x.startswith("Threads:"))
    assert b"-X" not in arguments
    assert int(threads.split()[1]) > 30
