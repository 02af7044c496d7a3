"""Charging by difference, shares of a wallet, quotas, and the moment of the cut."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_core.accounting import AcctSession
from billing_core.charging import (
    BALANCE_EXHAUSTED,
    PACKAGE_EXPIRED,
    QUOTA_EXHAUSTED,
    Quota,
    charge_growth,
    count_growth,
    limit_by_money,
    limit_by_quota,
    must_disconnect,
    quota_end,
    share_of_funds,
    vat_of,
)
from billing_core.decisions import LIMIT_OCTETS_MAX, LIMIT_SECONDS_MAX
from billing_core.tariff import Tariff, session_worth
from tests.records import T0, a_session
from tests.unit.test_tariff import tariffs

ONE_A_MINUTE = Tariff(price_per_minute=D(1), increment_seconds=60)
MB = 10**6
TWO_A_MB = Tariff(price_per_mb=D(2), increment_octets=MB)


def a_quota(**changes: Any) -> Quota:
    return replace(Quota(1, 3600, 10 * MB, 0, 0, None), **changes)


def grown(session: AcctSession, seconds: int, octets: int = 0) -> AcctSession:
    session.session_seconds += seconds
    session.output_octets += octets
    return session


def test_little_a_mb_and_much_money_give_limits_that_columns_hold() -> None:
    cheapest = Tariff(price_per_minute=D("0.000001"), price_per_mb=D("0.000001"))
    session = a_session()
    assert not limit_by_money(session, cheapest, D("99999999999999.99"))
    assert session.limit_seconds == LIMIT_SECONDS_MAX
    assert session.limit_octets == LIMIT_OCTETS_MAX
    assert limit_by_money(session, ONE_A_MINUTE, D(0))
    assert (session.limit_seconds, session.limit_octets) == (0, None)


@given(
    tariffs,
    st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 10**10)), max_size=8),
)
def test_charges_by_difference_sum_to_the_worth_and_their_vat_to_its_vat(
    tariff: Tariff, steps: list[tuple[int, int]]
) -> None:
    session = a_session()
    charges = []
    for seconds, octets in steps:
        charge = charge_growth(grown(session, seconds, octets), tariff)
        if charge is not None:
            charges.append(charge)
            assert charge.charged_total == session.charged
        assert charge_growth(session, tariff) is None
    worth = session_worth(tariff, session.session_seconds, session.octets)

    assert session.charged == worth
    assert sum(c.parts.gross for c in charges) == worth
    assert sum(c.parts.net for c in charges) == vat_of(worth, tariff).net
    assert sum(c.parts.vat for c in charges) == vat_of(worth, tariff).vat
    for charge in charges:
        assert charge.parts.net + charge.parts.vat == charge.parts.gross > 0
        assert charge.parts.net >= 0
        assert charge.parts.vat >= 0
    # What each charge is named by is never the same twice.
    assert len({c.charged_total for c in charges}) == len(charges)


def test_a_session_charged_too_much_before_is_not_charged_below_it() -> None:
    session = a_session(charged=D("5.00"), session_seconds=60)
    assert charge_growth(session, ONE_A_MINUTE) is None
    assert session.charged == D("5.00")


@given(st.decimals(-100, 10**6, places=2), st.integers(1, 50))
def test_shares_of_all_who_may_come_never_exceed_the_funds(
    funds: D, allowed: int
) -> None:
    left, shares = funds, []
    for others in range(allowed):
        share = share_of_funds(left, allowed, others)
        assert share >= 0
        shares.append(share)
        left -= share
    assert sum(shares) <= max(funds, D(0))
    assert max(funds, D(0)) - sum(shares) < D("0.01") * allowed


def test_more_sessions_than_allowed_share_nothing_twice() -> None:
    assert share_of_funds(D("10.00"), 1, 3) == D("10.00")
    assert share_of_funds(D("0.00"), 1, 3) == D("0.00")
    assert share_of_funds(D("-1.00"), 2, 0) == D("0.00")


def test_held_money_says_how_far_a_session_may_go_and_when_it_is_cut() -> None:
    session = a_session(charged=D("2.00"), session_seconds=120)
    assert limit_by_money(session, ONE_A_MINUTE, D("3.50")) is False
    assert session.limit_seconds == 300
    assert session.limit_octets is None
    assert session.cut_at == T0 + timedelta(seconds=300)
    assert session.cut_reason == BALANCE_EXHAUSTED


def test_a_session_that_used_up_what_it_holds_is_at_its_end() -> None:
    session = a_session(charged=D("2.00"), session_seconds=120)
    assert limit_by_money(session, ONE_A_MINUTE, D("0.99")) is True
    by_data = a_session(charged=D("4.00"), output_octets=2 * MB)
    assert limit_by_money(by_data, TWO_A_MB, D("0.00")) is True


@given(tariffs, st.decimals(0, 1000, places=2), st.integers(0, 10**5))
def test_a_session_at_its_time_limit_has_not_cost_more_than_it_holds(
    tariff: Tariff, held: D, octets: int
) -> None:
    session = a_session(output_octets=octets)
    charge_growth(session, tariff)
    charged = session.charged
    limit_by_money(session, tariff, held)
    if session.limit_seconds is not None and session.limit_seconds < 10**9:
        worth = session_worth(tariff, session.limit_seconds, octets)
        assert worth <= charged + held or session.limit_seconds <= tariff.free_seconds


def test_octets_are_foretold_only_where_the_nas_does_not_keep_the_limit() -> None:
    running = {
        "output_octets": 2 * MB,
        "charged": D("4.00"),
        "octets_per_second": 10_000.0,
        "session_seconds": 200,
        "last_event_at": T0 + timedelta(seconds=200),
    }
    alone = a_session(**running)
    limit_by_money(alone, TWO_A_MB, D("2.00"))
    assert alone.limit_octets == 3 * MB
    assert alone.cut_at == T0 + timedelta(seconds=200 + 100)

    kept = a_session(**running, nas_limits_octets=True)
    limit_by_money(kept, TWO_A_MB, D("2.00"))
    assert (kept.limit_octets, kept.cut_at) == (3 * MB, None)

    later = a_session(**running, interim_interval_seconds=60)
    limit_by_money(later, TWO_A_MB, D("2.00"))
    assert later.cut_at is None


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 10**9)), max_size=6))
def test_a_quota_counts_each_second_and_octet_once(
    steps: list[tuple[int, int]],
) -> None:
    session, quota = a_session(), a_quota(seconds_used=7, octets_used=11)
    for seconds, octets in steps:
        quota = count_growth(grown(session, seconds, octets), quota)
        assert count_growth(session, quota) == quota
    assert quota.seconds_used == 7 + session.session_seconds
    assert quota.octets_used == 11 + session.octets


def test_two_devices_are_promised_no_more_than_is_left_of_the_quota() -> None:
    quota = a_quota(seconds_used=600, octets_used=MB)
    one, other = a_session(), a_session(session_id=8)
    limit_by_quota(one, quota, 2, [])
    assert (one.limit_seconds, one.limit_octets) == (1500, 9 * MB // 2)
    limit_by_quota(other, quota, 2, [one])
    assert (other.limit_seconds, other.limit_octets) == (1500, 9 * MB // 2)


def test_validity_is_a_reason_of_its_own_to_cut() -> None:
    session = a_session()
    ends = T0 + timedelta(seconds=100)
    limit_by_quota(session, a_quota(valid_until=ends), 1, [])
    assert (session.cut_at, session.cut_reason) == (ends, PACKAGE_EXPIRED)
    limit_by_quota(session, a_quota(valid_until=T0 + timedelta(days=9)), 1, [])
    assert (session.cut_at, session.cut_reason) == (
        T0 + timedelta(seconds=3600),
        QUOTA_EXHAUSTED,
    )


def test_a_quota_without_limits_never_cuts() -> None:
    session = a_session()
    limit_by_quota(session, a_quota(seconds_allowed=None, octets_allowed=None), 1, [])
    assert (session.limit_seconds, session.limit_octets, session.cut_at) == (
        None,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"seconds_used": 3599, "octets_used": 10 * MB - 1}, None),
        ({"seconds_used": 3600}, QUOTA_EXHAUSTED),
        ({"octets_used": 10 * MB + 5}, QUOTA_EXHAUSTED),
        ({"valid_until": T0}, PACKAGE_EXPIRED),
        ({"valid_until": T0 + timedelta(seconds=1)}, None),
        ({"valid_until": T0, "seconds_used": 3600}, PACKAGE_EXPIRED),
        ({"seconds_allowed": None, "octets_allowed": None, "seconds_used": 9**9}, None),
    ],
)
def test_a_package_ends_by_time_data_or_date(
    changes: dict[str, Any], reason: str | None
) -> None:
    assert quota_end(a_quota(**changes), T0) == reason


@pytest.mark.parametrize(
    ("asked_seconds_ago", "is_due"), [(None, True), (0, False), (60, False), (61, True)]
)
def test_a_disconnect_is_asked_once_and_again_after_a_minute(
    asked_seconds_ago: int | None, is_due: bool
) -> None:
    asked = (
        None if asked_seconds_ago is None else T0 - timedelta(seconds=asked_seconds_ago)
    )
    session = a_session(disconnect_requested_at=asked)
    assert must_disconnect(session, T0) is is_due
    session.ended_at = T0
    assert must_disconnect(session, T0) is False
