"""Who may come in, for how long and for how much."""

from datetime import UTC, date, datetime
from decimal import Decimal as D
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from billing_core.access import (
    Accept,
    AccessRequest,
    AccessState,
    Nas,
    Package,
    Reject,
    RejectReason,
    RunningSession,
    Subscription,
    Suspension,
)
from billing_core.decisions import (
    DAY_BACKSTOP_SECONDS_MAX,
    DAY_BACKSTOP_SECONDS_MIN,
    LIMIT_OCTETS_MAX,
    LIMIT_SECONDS_MAX,
    decide_access,
)
from billing_core.fair_use import Rates
from billing_core.service_days import DayPrice
from billing_core.tariff import Tariff, session_worth, session_worth_minor

DHAKA = ZoneInfo("Asia/Dhaka")
TODAY = date(2026, 11, 24)
NOON = int(datetime(2026, 11, 24, 6, 0, tzinfo=UTC).timestamp())
MIDNIGHT = NOON + 12 * 3600
DAY = 86_400
GB = 10**9

HOME = Package(1, "daily", 1, day_price=DayPrice(D("300.00"), 30))
DAY_PASS = Package(2, "package", 2, validity_seconds=DAY)
BY_THE_MINUTE = Package(3, "per_session", 1, tariff=Tariff(price_per_minute=D("1")))
STAFF = Package(4, "free", 3)

MAC = "02:00:5E:10:00:01"
REQUEST = AccessRequest("alice", "1", MAC)


def a_state(package, **changes):
    state = AccessState(
        customer_id=7,
        status="active",
        password_sealed=b"",
        framed_ip=None,
        mac_binding=None,
        sessions_allowed=None,
        available_minor=100_00,
        package=package,
        nas=Nas("mikrotik", 300),
        subscription=None,
        day_is_charged=False,
        running=(),
        session_id=1,
    )
    return state._replace(**changes)


def bought(**changes):
    return Subscription(5, False, NOON + DAY, None, None)._replace(**changes)


def running(**changes):
    return RunningSession(False, 0, 0, 0)._replace(**changes)


def decide(state, request=REQUEST):
    return decide_access(state, request, NOON, TODAY, DHAKA)


def reason(state, request=REQUEST):
    decision = decide(state, request)
    assert isinstance(decision, Reject)
    return decision.reason


# Who -----------------------------------------------------------------------------


def test_a_free_customer_comes_in_without_limits():
    assert decide(a_state(STAFF)) == Accept(sessions_allowed=3)


FAIR = {"reduced_rates": Rates(1_000_000, 2_000_000)}


@pytest.mark.parametrize(
    "package",
    [
        Package(1, "daily", 1, day_price=DayPrice(D("300.00"), 30), **FAIR),
        Package(5, "monthly", 1, **FAIR),
        Package(4, "free", 3, **FAIR),
    ],
    ids=lambda package: package.billing,
)
@pytest.mark.parametrize(
    ("until", "is_reduced"),
    [(None, False), (NOON + 1, True), (NOON, False), (NOON - 1, False)],
)
def test_beyond_fair_use_the_rates_are_lower_until_the_cycle_ends(
    package, until, is_reduced
):
    accept = decide(a_state(package, reduced_until_epoch=until))
    assert accept.is_reduced == is_reduced


def test_a_package_without_fair_use_has_no_lower_rates():
    assert not decide(a_state(STAFF, reduced_until_epoch=NOON + DAY)).is_reduced


@pytest.mark.parametrize("status", ["suspended", "disabled"])
@pytest.mark.parametrize("package", [HOME, DAY_PASS, BY_THE_MINUTE, STAFF])
def test_who_is_suspended_or_disabled_stays_out(status, package):
    state = a_state(package, status=status, subscription=bought())
    assert reason(state) == RejectReason[status.upper()]


def test_nobody_comes_in_through_a_nas_that_is_not_ours():
    assert reason(a_state(STAFF, nas=None)) is RejectReason.UNKNOWN_NAS


@pytest.mark.parametrize("written", [MAC, MAC.lower(), "02-00-5e-10-00-01"])
def test_the_bound_device_comes_in_however_the_nas_writes_it(written):
    request = REQUEST._replace(calling_station_id=written)
    assert isinstance(decide(a_state(STAFF, mac_binding=MAC), request), Accept)


@pytest.mark.parametrize("written", ["02:00:5E:10:00:02", "", "ether1", MAC + ":x"])
def test_another_device_than_the_bound_one_stays_out(written):
    request = REQUEST._replace(calling_station_id=written)
    state = a_state(STAFF, mac_binding=MAC)
    assert reason(state, request) is RejectReason.MAC_MISMATCH


def test_an_unknown_kind_of_billing_is_no_decision():
    with pytest.raises(ValueError, match="barter"):
        decide(a_state(Package(9, "barter", 1)))


# How many ------------------------------------------------------------------------


def test_no_more_sessions_run_than_the_package_allows():
    assert isinstance(decide(a_state(STAFF, running=[running()] * 2)), Accept)
    full = a_state(STAFF, running=[running()] * 3)
    assert reason(full) is RejectReason.TOO_MANY_SESSIONS


def test_the_customer_s_own_number_goes_before_the_package_s():
    state = a_state(STAFF, sessions_allowed=1, running=[running()])
    assert reason(state) is RejectReason.TOO_MANY_SESSIONS
    more = a_state(HOME, sessions_allowed=2, running=[running()])
    assert decide(more).sessions_allowed == 2


def test_a_session_of_the_same_device_is_replaced_not_counted():
    state = a_state(HOME, running=[running(is_superseded=True)])
    assert isinstance(decide(state), Accept)


# Daily ---------------------------------------------------------------------------


def test_the_first_login_of_a_day_charges_it():
    accept = decide(a_state(HOME))
    assert accept.day_charge == (TODAY, D("10.00"), D("0.00"), D("0"))
    assert accept.hold_minor == 0


def test_a_charged_day_is_not_charged_again():
    accept = decide(a_state(HOME, day_is_charged=True, available_minor=0))
    assert isinstance(accept, Accept)
    assert accept.day_charge is None


def test_who_cannot_pay_today_stays_out():
    poor = a_state(HOME, available_minor=9_99)
    assert reason(poor) is RejectReason.BALANCE_EXHAUSTED
    assert isinstance(decide(poor._replace(available_minor=10_00)), Accept)


def test_vat_on_top_must_be_affordable_too():
    package = Package(
        1, "daily", 1, day_price=DayPrice(D("300.00"), 30, D("15"), vat_inclusive=False)
    )
    assert reason(a_state(package, available_minor=11_49)) == "BALANCE_EXHAUSTED"
    charge = decide(a_state(package, available_minor=11_50)).day_charge
    assert (charge.net, charge.vat) == (D("10.00"), D("1.50"))


def test_the_session_is_looked_at_when_today_ends():
    assert decide(a_state(HOME)).cut_at_epoch == MIDNIGHT


@pytest.mark.parametrize(
    ("available", "days"), [(10_00, 1), (100_00, 10), (109_99, 10)]
)
def test_the_nas_ends_it_some_minutes_after_the_last_day_the_wallet_covers(
    available, days
):
    timeout = decide(a_state(HOME, available_minor=available)).session_timeout_seconds
    after = NOON + timeout - (MIDNIGHT + (days - 1) * DAY)
    assert DAY_BACKSTOP_SECONDS_MIN <= after <= DAY_BACKSTOP_SECONDS_MAX


def test_customers_are_not_all_back_at_the_same_second():
    ends = {
        decide(a_state(HOME, customer_id=n)).session_timeout_seconds for n in range(601)
    }
    assert len(ends) == 601


def test_what_a_replaced_session_holds_pays_for_the_day():
    dead = running(is_superseded=True, held_minor=10_00)
    assert isinstance(decide(a_state(HOME, available_minor=0, running=[dead])), Accept)


# Package -------------------------------------------------------------------------


def test_without_a_purchase_there_is_no_coming_in():
    assert reason(a_state(DAY_PASS)) is RejectReason.NO_SUBSCRIPTION


def test_a_validity_ends_to_the_second():
    ended = bought(valid_until_epoch=NOON)
    assert reason(a_state(DAY_PASS, subscription=ended)) == "PACKAGE_EXPIRED"
    last = bought(valid_until_epoch=NOON + 1)
    accept = decide(a_state(DAY_PASS, subscription=last))
    assert accept.session_timeout_seconds == 1
    assert (accept.cut_at_epoch, accept.cut_reason) == (NOON + 1, "PACKAGE_EXPIRED")


def test_a_validity_from_first_use_begins_with_this_login():
    waiting = bought(is_waiting=True, valid_until_epoch=None)
    accept = decide(a_state(DAY_PASS, subscription=waiting))
    assert accept.new_valid_until_epoch == NOON + DAY
    assert accept.session_timeout_seconds == DAY
    assert (
        decide(a_state(DAY_PASS, subscription=bought())).new_valid_until_epoch is None
    )


def test_an_endless_package_has_no_session_timeout():
    accept = decide(a_state(DAY_PASS, subscription=bought(valid_until_epoch=None)))
    assert accept == Accept(sessions_allowed=2)


def test_two_devices_never_get_the_full_quota_each():
    quota = bought(seconds_left=7200, octets_left=GB)
    first = decide(a_state(DAY_PASS, subscription=quota))
    assert (first.limit_seconds, first.limit_octets) == (3600, GB // 2)
    promised = running(seconds_promised=3600, octets_promised=GB // 2)
    second = decide(a_state(DAY_PASS, subscription=quota, running=[promised]))
    assert (second.limit_seconds, second.limit_octets) == (3600, GB // 2)


def test_what_was_promised_to_a_replaced_session_is_free_again():
    dead = running(is_superseded=True, seconds_promised=7200)
    state = a_state(DAY_PASS, subscription=bought(seconds_left=7200), running=[dead])
    assert decide(state).limit_seconds == 3600


@pytest.mark.parametrize("left", [{"seconds_left": 0}, {"octets_left": -5}])
def test_a_used_up_package_keeps_out(left):
    state = a_state(DAY_PASS, subscription=bought(**left))
    assert reason(state) is RejectReason.QUOTA_EXHAUSTED


def test_a_package_that_is_all_promised_keeps_the_next_device_out():
    state = a_state(
        DAY_PASS,
        subscription=bought(seconds_left=100),
        running=[running(seconds_promised=100)],
    )
    assert reason(state) is RejectReason.QUOTA_EXHAUSTED


def test_the_sooner_of_quota_and_validity_ends_the_session():
    short = a_state(DAY_PASS, sessions_allowed=1, subscription=bought(seconds_left=60))
    accept = decide(short)
    assert accept.session_timeout_seconds == 60
    assert (accept.cut_at_epoch, accept.cut_reason) == (NOON + 60, "QUOTA_EXHAUSTED")
    long = a_state(DAY_PASS, sessions_allowed=1, subscription=bought(seconds_left=GB))
    assert decide(long).session_timeout_seconds == DAY
    assert decide(long).cut_reason == "PACKAGE_EXPIRED"


# Per session ---------------------------------------------------------------------


def test_the_wallet_s_share_is_held_and_buys_the_limits():
    tariff = Tariff(price_per_minute=D("1"), price_per_mb=D("0.5"))
    accept = decide(a_state(Package(3, "per_session", 1, tariff=tariff)))
    assert accept.hold_minor == 100_00
    assert session_worth(tariff, accept.limit_seconds, 0) == D("100.00")
    assert session_worth(tariff, 0, accept.limit_octets) == D("100.00")
    assert accept.session_timeout_seconds == accept.limit_seconds
    assert accept.cut_at_epoch == NOON + accept.limit_seconds
    assert accept.cut_reason is RejectReason.BALANCE_EXHAUSTED


def test_the_share_is_rounded_down_so_that_shares_never_exceed_the_wallet():
    state = a_state(BY_THE_MINUTE, sessions_allowed=3)
    assert decide(state).hold_minor == 33_33


def test_what_a_replaced_session_holds_is_there_again():
    dead = running(is_superseded=True, held_minor=40_00)
    accept = decide(a_state(BY_THE_MINUTE, available_minor=60_00, running=[dead]))
    assert accept.hold_minor == 100_00


@pytest.mark.parametrize("available", [-1_00, 0, 99])
def test_who_cannot_pay_the_first_increment_stays_out(available):
    tariff = Tariff(price_per_minute=D("1"), increment_seconds=60)
    state = a_state(
        Package(3, "per_session", 1, tariff=tariff), available_minor=available
    )
    assert reason(state) is RejectReason.BALANCE_EXHAUSTED


def test_an_empty_wallet_stays_out_even_if_a_second_rounds_to_nothing():
    tariff = Tariff(price_per_minute=D("0.1"))
    assert session_worth(tariff, 1, 0) == 0
    state = a_state(Package(3, "per_session", 1, tariff=tariff), available_minor=0)
    assert reason(state) is RejectReason.BALANCE_EXHAUSTED


def test_free_seconds_are_not_for_who_cannot_pay_what_follows():
    tariff = Tariff(price_per_minute=D("1"), increment_seconds=60, free_seconds=300)
    state = a_state(Package(3, "per_session", 1, tariff=tariff), available_minor=50)
    assert reason(state) is RejectReason.BALANCE_EXHAUSTED
    rich = decide(state._replace(available_minor=2_00))
    assert rich.session_timeout_seconds == 300 + 120


def test_where_only_beginning_costs_no_more_is_held():
    tariff = Tariff(setup_fee=D("5"))
    accept = decide(a_state(Package(3, "per_session", 1, tariff=tariff)))
    assert accept == Accept(sessions_allowed=1, hold_minor=5_00)


def test_by_the_mb_alone_there_is_no_time_limit():
    tariff = Tariff(price_per_mb=D("1"))
    accept = decide(a_state(Package(3, "per_session", 1, tariff=tariff)))
    assert accept.session_timeout_seconds is None
    assert accept.cut_at_epoch is None
    assert accept.limit_octets > 100 * 10**6


def test_a_nearly_free_tariff_gives_limits_that_still_fit():
    tariff = Tariff(price_per_minute=D("0.000001"), price_per_mb=D("0.000001"))
    state = a_state(
        Package(3, "per_session", 1, tariff=tariff), available_minor=99999999999999_99
    )
    accept = decide(state)
    assert accept.limit_seconds == LIMIT_SECONDS_MAX
    assert accept.limit_octets == LIMIT_OCTETS_MAX


@given(
    available=st.integers(0, 10_000_00),
    allowed=st.integers(1, 10),
    price=st.decimals(D("0.01"), 20, places=2),
    setup=st.decimals(0, 5, places=2),
)
def test_devices_that_log_in_one_after_the_other_hold_at_most_the_wallet(
    available, allowed, price, setup
):
    tariff = Tariff(price_per_minute=price, setup_fee=setup)
    package = Package(3, "per_session", allowed, tariff=tariff)
    sessions, held = [], 0
    while isinstance(
        accept := decide(
            a_state(package, available_minor=available - held, running=list(sessions))
        ),
        Accept,
    ):
        sessions.append(running(held_minor=accept.hold_minor))
        held += accept.hold_minor
        assert session_worth_minor(tariff, accept.limit_seconds, 0) <= accept.hold_minor
    assert len(sessions) <= allowed
    assert held <= available


@given(
    left=st.integers(1, 10**6), allowed=st.integers(1, 10), used=st.integers(0, 10**6)
)
def test_devices_that_log_in_one_after_the_other_are_promised_at_most_the_quota(
    left, allowed, used
):
    assume(used < left)
    quota = bought(seconds_left=left - used, octets_left=left - used)
    sessions = []
    while isinstance(
        accept := decide(
            a_state(
                DAY_PASS,
                sessions_allowed=allowed,
                subscription=quota,
                running=list(sessions),
            )
        ),
        Accept,
    ):
        sessions.append(
            running(
                seconds_promised=accept.limit_seconds,
                octets_promised=accept.limit_octets,
            )
        )
    assert len(sessions) <= allowed
    assert sum(session.seconds_promised for session in sessions) <= left - used
    assert sum(session.octets_promised for session in sessions) <= left - used


def test_a_suspended_customer_is_refused_unless_his_profile_has_a_place_for_him():
    refused = a_state(STAFF, status="suspended", suspension=Suspension("DUE"))
    assert decide(refused) == Reject(RejectReason.SUSPENDED)

    pool = Suspension("PAYMENT_DUE", "pool", "suspended")
    decision = decide(a_state(STAFF, status="suspended", suspension=pool))
    assert isinstance(decision, Accept)
    assert decision.restriction == pool
    assert decision.hold_minor == 0
    assert decision.day_charge is None


def test_a_customer_suspended_for_his_balance_is_told_to_top_up():
    exhausted = Suspension("BALANCE_EXHAUSTED")
    state = a_state(STAFF, status="suspended", suspension=exhausted)
    assert decide(state) == Reject(RejectReason.BALANCE_EXHAUSTED)
