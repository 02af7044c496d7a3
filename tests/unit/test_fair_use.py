"""Fair use: octets of a cycle, and until when the lower rates apply."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from billing_core.cycles import Schedule
from billing_core.fair_use import FairUse, Rates, Used, add_use, reduced_until

DHAKA = ZoneInfo("Asia/Dhaka")
NOW = datetime(2026, 2, 10, 6, 0, tzinfo=UTC)
ACTIVATED = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
PLAN = FairUse(100, Rates(5, 10), Rates(1, 2))


def add(
    used: Used | None,
    grown: int,
    schedule: Schedule | None = None,
    now: datetime = NOW,
) -> Used:
    return add_use(
        used,
        grown,
        schedule=schedule or Schedule(),
        activated_at=ACTIVATED,
        now=now,
        zone=DHAKA,
    )


@pytest.mark.parametrize(
    ("schedule", "ends"),
    [
        # The 31st is the month's last day where there is none.
        (Schedule(), datetime(2026, 2, 27, 18, 0, tzinfo=UTC)),
        (Schedule("first"), datetime(2026, 2, 28, 18, 0, tzinfo=UTC)),
        (Schedule("day", 15), datetime(2026, 2, 14, 18, 0, tzinfo=UTC)),
        (
            Schedule("renewal", cycle_ends_with_month=True),
            datetime(2026, 2, 28, 18, 0, tzinfo=UTC),
        ),
    ],
)
def test_the_cycle_is_that_of_the_bills(schedule: Schedule, ends: datetime) -> None:
    assert add(None, 7, schedule) == Used(ends, 7)


def test_octets_add_up_within_a_cycle_and_a_new_one_begins_at_nothing() -> None:
    first = add(add(None, 60), 40)
    assert first.octets == 100
    just_before = first.cycle_end - timedelta(microseconds=1)
    assert add(first, 5, now=just_before) == Used(first.cycle_end, 105)
    second = add(first, 5, now=first.cycle_end)
    assert second.octets == 5
    assert second.cycle_end == datetime(2026, 3, 30, 18, 0, tzinfo=UTC)


def test_the_rates_fall_when_the_last_octet_of_fair_use_is_used() -> None:
    assert reduced_until(Used(NOW, 99), PLAN) is None
    assert reduced_until(Used(NOW, 100), PLAN) == NOW
    assert reduced_until(Used(NOW, 10**15), None) is None
