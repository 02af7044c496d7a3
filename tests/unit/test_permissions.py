"""Nobody may do more than his role, and than those above him."""

import pytest

from billing_core.permissions import (
    ADMIN,
    DISTRIBUTOR,
    MANAGER,
    OF_THE_PROVIDER,
    OPERATOR,
    ROLES,
    SUB_OPERATOR,
    Permission,
    Rank,
    allowed,
    can_be_given,
)

EVERYTHING = frozenset(p.value for p in Permission)


def test_an_admin_may_do_everything() -> None:
    assert allowed(Rank(ADMIN, frozenset())) == frozenset(Permission)


@pytest.mark.parametrize("role", [OPERATOR, SUB_OPERATOR])
def test_a_reseller_is_never_given_what_is_the_providers(role: str) -> None:
    assert not allowed(Rank(role, EVERYTHING)) & OF_THE_PROVIDER
    assert not can_be_given(role) & OF_THE_PROVIDER


def test_a_manager_may_only_what_he_was_given() -> None:
    assert allowed(Rank(MANAGER, frozenset())) == frozenset()
    given = frozenset({Permission.VIEW_BILLS.value})
    assert allowed(Rank(MANAGER, given)) == {Permission.VIEW_BILLS}


def test_nobody_may_more_than_who_is_above_him() -> None:
    manager = Rank(MANAGER, EVERYTHING)
    reseller = Rank(OPERATOR, frozenset())
    assert allowed(manager, [reseller]) <= allowed(reseller)
    sub = Rank(SUB_OPERATOR, EVERYTHING)
    assert allowed(manager, [sub, reseller]) <= allowed(reseller)


def test_a_distributor_sells_cards_and_sees_no_customer() -> None:
    assert allowed(Rank(DISTRIBUTOR, EVERYTHING)) == {Permission.SELL_CARDS}
    below = allowed(Rank(DISTRIBUTOR, EVERYTHING), [Rank(OPERATOR, frozenset())])
    assert below == {Permission.SELL_CARDS}


def test_a_word_that_is_no_permission_gives_nothing() -> None:
    assert allowed(Rank(MANAGER, frozenset({"fly"}))) == frozenset()


@pytest.mark.parametrize("role", ROLES)
def test_what_can_be_given_is_then_allowed(role: str) -> None:
    for permission in can_be_given(role):
        assert permission not in allowed(Rank(role, frozenset()))
        assert permission in allowed(Rank(role, frozenset({permission.value})))
