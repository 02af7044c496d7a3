"""An absent database costs little time, and comes back by itself."""

from hypothesis import given
from hypothesis import strategies as st

from radius_module.breaker import OPEN_SECONDS_MAX, OPEN_SECONDS_MIN, CircuitBreaker


def test_one_failure_turns_nobody_away():
    breaker = CircuitBreaker()
    breaker.failed(10.0, 0.08)
    assert breaker.allows(10.0)


def test_failures_with_a_success_between_them_turn_nobody_away():
    breaker = CircuitBreaker()
    for now in range(10):
        breaker.failed(now, 0.08)
        breaker.succeeded()
        assert breaker.allows(now)


def test_after_the_second_failure_it_refuses_for_a_while():
    breaker = CircuitBreaker()
    breaker.failed(9.9, 0.08)
    breaker.failed(10.0, 0.08)
    assert not breaker.allows(10.0)
    assert not breaker.allows(10.0 + OPEN_SECONDS_MAX - 0.01)
    assert breaker.allows(10.0 + OPEN_SECONDS_MAX)


def test_a_failed_try_opens_it_again_at_once():
    breaker = CircuitBreaker()
    for now in (9.9, 10.0, 11.0):
        breaker.failed(now, 0.08)
    assert not breaker.allows(11.5)


def test_a_good_try_closes_it():
    breaker = CircuitBreaker()
    breaker.failed(9.9, 0.08)
    breaker.failed(10.0, 0.08)
    breaker.succeeded()
    assert breaker.allows(10.0)


def test_a_refused_connection_is_tried_again_soon():
    breaker = CircuitBreaker()
    breaker.failed(9.9, 0.0001)
    breaker.failed(10.0, 0.0001)
    assert breaker.allows(10.0 + OPEN_SECONDS_MIN)


@given(st.floats(0.0001, 0.08))
def test_waiting_for_an_absent_database_stays_a_small_part_of_the_time(cost):
    breaker, now, waited = CircuitBreaker(), 0.0, 0.0
    while now < 30.0:
        if breaker.allows(now):
            now += cost
            waited += cost
            breaker.failed(now, cost)
        else:
            now += 0.01
    assert waited < 0.1 * now
