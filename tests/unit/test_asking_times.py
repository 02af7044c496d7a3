"""When a gateway is asked about an attempt by itself."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from billing_core.asking_times import ASKED_FOR, next_ask
from billing_core.payments import AttemptState

T0 = datetime(2026, 11, 24, 6, tzinfo=UTC)


def test_a_gateway_is_asked_often_at_first_then_hourly_for_two_days() -> None:
    now, moments = T0, []
    while (at := next_ask(AttemptState.PENDING, T0, now)) is not None:
        moments.append(at - T0)
        now = at
    minutes = [moment // timedelta(minutes=1) for moment in moments]
    assert minutes[:6] == [1, 3, 10, 30, 60, 120]
    assert moments[-1] == ASKED_FOR
    assert len(moments) == 4 + 48


def test_a_failed_one_is_looked_at_ever_more_rarely() -> None:
    now, moments = T0, []
    while (at := next_ask(AttemptState.FAILED, T0, now)) is not None:
        moments.append(at - T0)
        now = at
    assert [m / timedelta(minutes=30) for m in moments] == [1, 2, 4, 8, 16, 32, 64]


@given(
    state=st.sampled_from(list(AttemptState)),
    seconds=st.integers(min_value=0, max_value=4 * 86400),
)
def test_the_next_time_is_always_later_and_never_after_two_days(
    state: AttemptState, seconds: int
) -> None:
    now = T0 + timedelta(seconds=seconds)
    at = next_ask(state, T0, now)
    if at is not None:
        assert now < at <= T0 + ASKED_FOR
