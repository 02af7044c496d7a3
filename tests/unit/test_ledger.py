"""The double-entry ledger: balanced entries, and their exact mirrors."""

from datetime import UTC, datetime
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_core.ledger import (
    CASH,
    INCOME,
    VAT_PAYABLE,
    WALLET,
    LedgerEntry,
    Posting,
    UnbalancedEntryError,
    money_in,
    reverse,
    sale,
)
from billing_core.money import split_vat

AT = datetime(2026, 11, 24, tzinfo=UTC)
amounts = st.decimals(-(10**9), 10**9, places=2).filter(bool)


def an_entry(*postings: Posting, kind: str = "top_up") -> LedgerEntry:
    return LedgerEntry(1, kind, AT, "key", "test", postings)


def test_an_entry_that_does_not_balance_is_refused_and_says_by_how_much() -> None:
    with pytest.raises(UnbalancedEntryError, match=r"top_up.*0\.01"):
        an_entry(Posting(CASH, D("10.01")), Posting(WALLET, D("-10.00")))


def test_an_entry_without_postings_is_refused() -> None:
    with pytest.raises(UnbalancedEntryError):
        an_entry()


@given(st.lists(amounts, min_size=1, max_size=5))
def test_an_entry_exists_only_if_its_postings_sum_to_zero(legs: list[D]) -> None:
    postings = [Posting(CASH, amount) for amount in legs]
    if sum(legs):
        with pytest.raises(UnbalancedEntryError):
            an_entry(*postings)
        postings.append(Posting(WALLET, -sum(legs, D(0))))
    assert sum(p.amount for p in an_entry(*postings).postings) == 0


def test_money_in_is_debited_to_its_account_and_credited_to_the_wallet() -> None:
    assert money_in(CASH, D("50.00")) == (
        Posting(CASH, D("50.00")),
        Posting(WALLET, D("-50.00")),
    )


def test_a_sale_takes_from_the_wallet_and_keeps_vat_apart_from_income() -> None:
    assert sale(split_vat(D("500.00"), D(5), inclusive=True)) == (
        Posting(WALLET, D("500.00")),
        Posting(INCOME, D("-476.19")),
        Posting(VAT_PAYABLE, D("-23.81")),
    )


def test_a_sale_without_vat_has_no_empty_leg() -> None:
    assert [
        p.ledger_account for p in sale(split_vat(D("5.00"), D(0), inclusive=True))
    ] == [WALLET, INCOME]


@given(
    st.decimals("0.01", 10**9, places=2), st.decimals(0, 100, places=2), st.booleans()
)
def test_every_sale_balances(amount: D, percent: D, inclusive: bool) -> None:
    postings = sale(split_vat(amount, percent, inclusive=inclusive))
    assert an_entry(*postings, kind="package_purchase").postings == postings
    assert all(p.amount for p in postings)


@given(st.lists(amounts, min_size=1, max_size=5))
def test_a_reversal_is_the_exact_mirror_and_mirrors_back(legs: list[D]) -> None:
    postings = tuple(Posting(f"account-{n}", amount) for n, amount in enumerate(legs))
    mirror = reverse(postings)
    assert [p.ledger_account for p in mirror] == [p.ledger_account for p in postings]
    assert all(a.amount + b.amount == 0 for a, b in zip(postings, mirror, strict=True))
    assert reverse(mirror) == postings
