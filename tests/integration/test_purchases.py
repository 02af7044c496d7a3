"""Hotspot packages: bought once, paid once, and worth what they say."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing_core.db.connect import Connection
from billing_core.db.customers import Subscription, read_subscription
from billing_core.db.packages import PackageError
from billing_core.errors import BillingError
from billing_core.services.closing import cut_due_sessions
from billing_core.services.purchases import (
    NotEnoughMoneyError,
    Purchase,
    buy_package,
)
from tests.builders import (
    NOON,
    Grant,
    Packets,
    a_customer,
    a_daily_package,
    a_grant,
    a_hotspot_package,
    a_nas,
    a_package,
    at_once,
    audited,
    fold,
    open_session,
    posted,
    rows,
    sessions_of,
    username_of,
)

MB = 10**6
DAY = timedelta(days=1)


def buy(
    conn: Connection,
    customer_id: int,
    package: str,
    key: str = "one",
    seconds: int = 0,
) -> Purchase | None:
    return buy_package(
        conn,
        username_of(conn, customer_id),
        package,
        key=key,
        actor="nila",
        now=NOON + timedelta(seconds=seconds),
    )


def bought(conn: Connection, customer_id: int) -> Subscription:
    subscription = read_subscription(conn, customer_id)
    assert subscription is not None
    return subscription


def log_in(
    conn: Connection, grant: Grant, *, mac: str = "02:00:00:00:00:01"
) -> Packets:
    """Open a granted session and let its NAS say so."""
    assert open_session(conn, grant, mac=mac) == "OK"
    p = Packets(
        username_of(conn, grant.customer_id),
        grant.nas_id,
        class_value=grant.class_value,
    )
    fold(conn, p.start(calling_station_id=mac))
    return p


def asked(conn: Connection) -> list[tuple[object, ...]]:
    return rows(
        conn,
        "SELECT session_id, reason FROM outbox WHERE kind = 'disconnect'"
        " ORDER BY outbox_id",
    )


def test_a_package_is_paid_from_the_wallet_and_billed(conn: Connection) -> None:
    package = a_hotspot_package(conn, vat_percent=Decimal(5))
    customer_id = a_customer(conn, package, balance="25")

    purchase = buy(conn, customer_id, package)

    assert purchase is not None
    assert purchase.gross == Decimal("10.00")
    assert posted(conn, customer_id) == Decimal("15.00")
    assert rows(
        conn,
        "SELECT b.kind, b.net, b.vat, b.gross, b.status, l.description, l.unit"
        " FROM bill b JOIN bill_line l USING (customer_id, bill_id)",
    ) == [
        (
            "package",
            Decimal("9.52"),
            Decimal("0.48"),
            Decimal("10.00"),
            "paid",
            package,
            "package",
        )
    ]
    assert rows(
        conn,
        "SELECT ledger_account, sum(amount) FROM posting WHERE ledger_account <> 'cash'"
        " GROUP BY 1 ORDER BY 1",
    ) == [
        ("income", Decimal("-9.52")),
        ("vat_payable", Decimal("-0.48")),
        ("wallet", Decimal("-15.00")),
    ]
    assert audited(conn) == []


def test_vat_that_comes_on_top_must_be_in_the_wallet_too(conn: Connection) -> None:
    package = a_hotspot_package(conn, vat_percent=Decimal(5), vat_inclusive=False)
    customer_id = a_customer(conn, package, balance="10.49")
    with pytest.raises(NotEnoughMoneyError, match=r"10\.50.*10\.49"):
        buy(conn, customer_id, package)
    assert posted(conn, customer_id) == Decimal("10.49")
    assert read_subscription(conn, customer_id) is None
    assert rows(conn, "SELECT count(*) FROM bill") == [(0,)]


def test_a_credit_limit_may_pay_for_a_package(conn: Connection) -> None:
    package = a_hotspot_package(conn)
    customer_id = a_customer(conn, package, credit_limit=Decimal(10))
    assert buy(conn, customer_id, package) is not None
    assert posted(conn, customer_id) == Decimal("-10.00")


def test_a_purchase_that_is_told_twice_is_made_once(conn: Connection) -> None:
    package = a_hotspot_package(conn)
    customer_id = a_customer(conn, package, balance="25")
    assert buy(conn, customer_id, package, "one") is not None
    assert buy(conn, customer_id, package, "one") is None
    assert bought(conn, customer_id).seconds_allowed == 3600
    assert posted(conn, customer_id) == Decimal("15.00")


def test_a_repeat_is_known_even_when_the_money_is_gone(conn: Connection) -> None:
    """Whoever lost the first answer must not be told that it failed."""
    package = a_hotspot_package(conn)
    customer_id = a_customer(conn, package, balance="10")
    assert buy(conn, customer_id, package, "one") is not None
    assert buy(conn, customer_id, package, "one") is None
    with pytest.raises(NotEnoughMoneyError):
        buy(conn, customer_id, package, "two")


def test_a_package_that_costs_nothing_is_bought_once_for_each_key(
    conn: Connection,
) -> None:
    package = a_hotspot_package(conn, price=Decimal(0))
    customer_id = a_customer(conn, package)
    assert buy(conn, customer_id, package, "one") is not None
    assert buy(conn, customer_id, package, "one") is None
    assert bought(conn, customer_id).seconds_allowed == 3600
    assert audited(conn) == []


def test_the_last_money_buys_one_of_two_at_once(
    conn: Connection, database_url: str
) -> None:
    package = a_hotspot_package(conn)
    customer_id = a_customer(conn, package, balance="19.99")

    tried = at_once(
        database_url,
        [
            lambda own, key=key: buy(own, customer_id, package, key)
            for key in ("one", "two", "three")
        ],
    )

    assert sum(isinstance(t, Purchase) for t in tried) == 1
    assert sum(isinstance(t, NotEnoughMoneyError) for t in tried) == 2
    assert posted(conn, customer_id) == Decimal("9.99")
    assert bought(conn, customer_id).seconds_allowed == 3600
    assert audited(conn) == []


def test_one_key_from_five_at_once_buys_once(
    conn: Connection, database_url: str
) -> None:
    package = a_hotspot_package(conn)
    customer_id = a_customer(conn, package, balance="100")

    tried = at_once(database_url, [lambda own: buy(own, customer_id, package)] * 5)

    assert sum(isinstance(t, Purchase) for t in tried) == 1
    assert tried.count(None) == 4
    assert posted(conn, customer_id) == Decimal("90.00")


def test_only_hotspot_packages_are_sold(conn: Connection) -> None:
    daily = a_daily_package(conn)
    customer_id = a_customer(conn, daily, balance="500")
    with pytest.raises(PackageError, match="daily"):
        buy(conn, customer_id, daily)


def test_validity_runs_from_the_purchase(conn: Connection) -> None:
    package = a_hotspot_package(conn)
    customer_id = a_customer(conn, package, balance="25")
    buy(conn, customer_id, package)
    subscription = bought(conn, customer_id)
    assert (subscription.state, subscription.valid_until) == ("active", NOON + DAY)


def test_validity_waits_for_the_first_use_and_starts_once(
    conn: Connection, database_url: str
) -> None:
    package = a_hotspot_package(conn, validity_from="first_use", sessions_allowed=5)
    customer_id = a_customer(conn, package, balance="25")
    buy(conn, customer_id, package)
    assert bought(conn, customer_id).state == "waiting"
    assert bought(conn, customer_id).valid_until is None

    nas_id, ends = a_nas(conn), NOON + 3 * DAY
    grants = [
        a_grant(conn, customer_id, nas_id, valid_until=ends + timedelta(seconds=n))
        for n in range(5)
    ]
    answers = at_once(
        database_url,
        [
            lambda own, n=n, g=g: open_session(own, g, mac=f"02:00:00:00:00:0{n}")
            for n, g in enumerate(grants)
        ],
    )

    assert answers == ["OK"] * 5
    first = bought(conn, customer_id)
    assert first.state == "active"
    assert first.valid_until in [ends + timedelta(seconds=n) for n in range(5)]
    later = a_grant(conn, customer_id, nas_id, valid_until=ends + DAY)
    open_session(conn, later, mac="02:00:00:00:00:00")
    assert bought(conn, customer_id).valid_until == first.valid_until


def test_a_validity_that_waits_is_not_sold_over(conn: Connection) -> None:
    """Bought twice before its first use it would run once: money for nothing."""
    package = a_hotspot_package(conn, validity_from="first_use")
    customer_id = a_customer(conn, package, balance="25")
    buy(conn, customer_id, package, "one")
    with pytest.raises(BillingError, match="not been used"):
        buy(conn, customer_id, package, "two")
    assert posted(conn, customer_id) == Decimal("15.00")


def test_more_of_the_same_package_adds_to_what_is_left(conn: Connection) -> None:
    package = a_hotspot_package(conn, quota_octets=5 * MB)
    customer_id = a_customer(conn, package, balance="25")
    first = buy(conn, customer_id, package, "one")
    p = log_in(conn, a_grant(conn, customer_id, a_nas(conn)))
    fold(conn, p.stop(600, octets=(MB, MB)))

    second = buy(conn, customer_id, package, "two", 700)

    assert first is not None
    assert second is not None
    assert second.subscription_id == first.subscription_id
    now = bought(conn, customer_id)
    assert (now.seconds_allowed, now.seconds_used) == (7200, 600)
    assert (now.octets_allowed, now.octets_used) == (10 * MB, 2 * MB)
    assert now.valid_until == NOON + 2 * DAY
    assert rows(conn, "SELECT period_start, period_end FROM bill ORDER BY bill_id") == [
        (NOON, NOON + DAY),
        (NOON + DAY, NOON + 2 * DAY),
    ]
    assert audited(conn) == []


def test_a_package_bought_after_its_end_starts_anew(conn: Connection) -> None:
    package = a_hotspot_package(conn)
    customer_id = a_customer(conn, package, balance="25")
    first = buy(conn, customer_id, package, "one")
    second = buy(conn, customer_id, package, "two", 86_400)
    assert first is not None
    assert second is not None
    assert second.subscription_id != first.subscription_id
    assert bought(conn, customer_id).valid_until == NOON + 2 * DAY
    assert bought(conn, customer_id).seconds_allowed == 3600


def test_another_package_takes_the_place_of_the_first(conn: Connection) -> None:
    hour, data = (
        a_hotspot_package(conn),
        a_hotspot_package(conn, quota_seconds=None, quota_octets=5 * MB),
    )
    customer_id = a_customer(conn, hour, balance="25")
    buy(conn, customer_id, hour, "one")
    buy(conn, customer_id, data, "two")
    now = bought(conn, customer_id)
    assert (now.package, now.seconds_allowed, now.octets_allowed) == (
        data,
        None,
        5 * MB,
    )
    assert rows(conn, "SELECT state FROM subscription ORDER BY 1") == [
        ("active",),
        ("ended",),
    ]


def two_devices(conn: Connection, **package: object) -> tuple[int, Packets, Packets]:
    """A customer with one package and two devices on it."""
    name = a_hotspot_package(conn, sessions_allowed=2, **package)
    customer_id = a_customer(conn, name, balance="50")
    buy(conn, customer_id, name)
    nas_id = a_nas(conn)
    one, other = (
        log_in(
            conn,
            a_grant(conn, customer_id, nas_id, cut_at=NOON + DAY),
            mac=f"02:00:00:00:00:0{n}",
        )
        for n in (1, 2)
    )
    return customer_id, one, other


def test_two_devices_share_one_quota(conn: Connection) -> None:
    customer_id, one, other = two_devices(conn, quota_octets=10 * MB)
    fold(conn, one.interim(300, octets=(0, 3 * MB)))
    fold(conn, other.interim(300, octets=(MB, MB)))

    now = bought(conn, customer_id)
    assert (now.seconds_used, now.octets_used) == (600, 5 * MB)
    sessions = sessions_of(conn, customer_id)
    assert sum(s["limit_octets"] - s["counted_octets"] for s in sessions) <= 5 * MB
    assert sum(s["limit_seconds"] - s["counted_seconds"] for s in sessions) <= 3000
    assert audited(conn) == []


@pytest.mark.parametrize(
    "together", [True, False], ids=["in one batch", "one after the other"]
)
def test_the_end_of_a_quota_cuts_every_session_on_it_once(
    conn: Connection, together: bool
) -> None:
    customer_id, one, other = two_devices(conn, quota_octets=10 * MB)
    first = one.interim(300, octets=(0, 6 * MB))
    second = other.interim(300, octets=(0, 5 * MB))
    if together:
        fold(conn, first, second)
    else:
        fold(conn, first)
        fold(conn, second)
    fold(conn, first, second)

    sessions = sessions_of(conn, customer_id)
    assert sorted(asked(conn)) == [
        (s["session_id"], "QUOTA_EXHAUSTED") for s in sessions
    ]
    assert bought(conn, customer_id).octets_used == 11 * MB
    assert audited(conn) == []


def test_validity_that_ends_cuts_at_that_moment_and_not_before(
    conn: Connection,
) -> None:
    _, one, other = two_devices(conn, quota_seconds=None)
    fold(conn, one.interim(300), other.interim(300))

    assert cut_due_sessions(conn, NOON + DAY - timedelta(seconds=1)) == 0
    assert cut_due_sessions(conn, NOON + DAY) == 2
    assert cut_due_sessions(conn, NOON + DAY) == 0
    assert {reason for _, reason in asked(conn)} == {"PACKAGE_EXPIRED"}
    assert len(asked(conn)) == 2


def test_buying_more_calls_off_the_cut_of_a_session_that_ran_out(
    conn: Connection,
) -> None:
    customer_id, one, _ = two_devices(conn, quota_seconds=None, quota_octets=5 * MB)
    fold(conn, one.interim(300, octets=(0, 5 * MB)))
    assert len(asked(conn)) == 2

    package = bought(conn, customer_id).package
    buy(conn, customer_id, package, "two", 301)

    assert rows(
        conn, "SELECT DISTINCT state FROM outbox WHERE kind = 'disconnect'"
    ) == [("cancelled",)]
    sessions = sessions_of(conn, customer_id)
    assert all(s["disconnect_requested_at"] is None for s in sessions)
    assert sum(s["limit_octets"] - s["counted_octets"] for s in sessions) <= 5 * MB


def test_a_session_without_a_package_to_run_on_is_cut(conn: Connection) -> None:
    """It began without our login: nothing was bought, so nothing is left."""
    package = a_hotspot_package(conn)
    customer_id = a_customer(conn, package)
    p = Packets(username_of(conn, customer_id), a_nas(conn))
    fold(conn, p.start())
    ((_, reason),) = asked(conn)
    assert reason == "NO_SUBSCRIPTION"


def test_what_is_held_for_a_session_cannot_be_spent_on_a_package(
    conn: Connection,
) -> None:
    per_minute, package = a_package(conn), a_hotspot_package(conn)
    customer_id = a_customer(conn, per_minute, balance="15")
    p = Packets(username_of(conn, customer_id), a_nas(conn))
    fold(conn, p.start())
    with pytest.raises(NotEnoughMoneyError):
        buy(conn, customer_id, package)
    fold(conn, p.stop(60))
    assert buy(conn, customer_id, package) is not None
    assert posted(conn, customer_id) == Decimal("4.00")
