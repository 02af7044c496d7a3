"""Whatever is done to a customer's money in whatever order, the books are sound.

Hypothesis takes cash, charges, gives back, takes back, credits, voids and adjusts, in
sequences that nobody would think of; after each step everything must add up.
"""

import contextlib
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from billing_core.db.connect import Connection, connect
from billing_core.db.receipts import receipt_number
from billing_core.db.sessions import lock_wallets
from billing_core.errors import BillingError
from billing_core.services.arrival import money_came
from billing_core.services.audit import audit
from billing_core.services.cash import take_cash
from billing_core.services.charges import charge_customer
from billing_core.services.corrections import (
    credit_bill,
    void_bill,
)
from billing_core.services.forgiving import forgive_open_bills
from billing_core.services.refunds import refund_payment
from billing_core.services.wallets import adjust, reverse_entry
from tests.builders import posted, rows, username_of
from tests.integration.correcting import due
from tests.integration.test_billing_run import DHAKA, a_monthly_customer, dhaka, run

JANUARY, MARCH = dhaka(2026, 1, 1), dhaka(2026, 3, 1)
D = Decimal
# Few and round, so that sequences meet: whole bills, parts, more than is there.
AMOUNTS = st.sampled_from(["0.01", "100", "300", "600", "600.01", "1200"]).map(D)
PICK = st.integers(0, 9)


class Till(RuleBasedStateMachine):
    """One customer with three bills, and all that people do at a till."""

    conn: Connection

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0
        self.customer_id = 0

    @initialize()
    def bill(self) -> None:
        """Bill him January, February and March, 600.00 each."""
        self.customer_id = a_monthly_customer(
            self.conn, joined=JANUARY, balance="0", bill_trigger="first"
        )
        run(self.conn, MARCH)
        self.name = username_of(self.conn, self.customer_id)

    @rule(amount=AMOUNTS, discount=st.sampled_from(["0", "100", "600"]), pick=PICK)
    def cash(self, amount: Decimal, discount: str, pick: int) -> None:
        """Take cash against one bill, or into the wallet."""
        chosen = [self._bill(pick)] if pick < 6 else []
        self._try(
            take_cash,
            self.name,
            amount,
            key=self._key(),
            operator="nila",
            note="because",
            bills=chosen,
            discount=D(discount),
        )

    @rule(amount=AMOUNTS)
    def charge(self, amount: Decimal) -> None:
        """Charge something by hand."""
        self._try(
            charge_customer,
            self.name,
            amount,
            description="a cable",
            vat_profile=None,
            key=self._key(),
            actor="nila",
            zone=DHAKA,
        )

    @rule(amount=st.none() | AMOUNTS, pick=PICK)
    def refund(self, amount: Decimal | None, pick: int) -> None:
        """Give a payment back by hand, or part of it."""
        payments = self._ids("payment_id", "payment")
        if payments:
            self._try(
                refund_payment,
                receipt_number(payments[pick % len(payments)]),
                amount,
                reason="because",
                key=self._key(),
                by="cash",
                operator="nila",
            )

    @rule(pick=st.integers(0, 40))
    def reverse(self, pick: int) -> None:
        """Take an entry back, whatever it is."""
        entries = self._ids("entry_id", "ledger_entry")
        self._try(
            reverse_entry,
            self.name,
            entries[-1 - pick % len(entries)],
            reason="because",
            operator="nila",
        )

    @rule(pick=PICK)
    def void(self, pick: int) -> None:
        """Declare a bill to be no debt."""
        self._try(void_bill, self._bill(pick), reason="because", actor="nila")

    @rule(pick=PICK, amount=AMOUNTS)
    def credit(self, pick: int, amount: Decimal) -> None:
        """Issue a credit note."""
        self._try(
            credit_bill,
            self._bill(pick),
            amount,
            reason="because",
            key=self._key(),
            actor="nila",
        )

    @rule()
    def forgive(self) -> None:
        """Void what is open, or credit the rest: as a change to free service does."""

        def forgive(conn: Connection, *, now: datetime) -> None:
            with conn.transaction():
                lock_wallets(conn, [self.customer_id])
                forgive_open_bills(
                    conn, self.customer_id, reason="because", actor="nila", now=now
                )
                money_came(conn, self.customer_id, now=now, actor="nila")

        self._try(forgive)
        assert due(self.conn, self.customer_id) == 0

    @rule(amount=AMOUNTS, sign=st.sampled_from([1, -1]))
    def adjust(self, amount: Decimal, sign: int) -> None:
        """Put money in that nothing explains, or take some out."""
        self._try(
            adjust,
            self.name,
            amount * sign,
            reason="because",
            key=self._key(),
            operator="nila",
        )

    @invariant()
    def everything_adds_up(self) -> None:
        """Check what must hold after each step."""
        if not self.customer_id:
            return
        assert posted(self.conn, self.customer_id) >= 0
        open_amount = D(0)
        for bill_id, gross, paid, status in rows(
            self.conn,
            "SELECT bill_id, gross, paid, status FROM bill WHERE customer_id = %s",
            self.customer_id,
        ):
            ((allocated,),) = rows(
                self.conn,
                "SELECT coalesce(sum(amount), 0) FROM bill_allocation"
                " WHERE customer_id = %s AND bill_id = %s",
                self.customer_id,
                bill_id,
            )
            assert paid == allocated
            assert 0 <= paid <= gross
            ((credited,),) = rows(
                self.conn,
                "SELECT coalesce(sum(gross), 0) FROM credit_note"
                " WHERE customer_id = %s AND bill_id = %s",
                self.customer_id,
                bill_id,
            )
            assert credited <= gross
            if status != "void":
                open_amount += gross - paid
        assert due(self.conn, self.customer_id) == open_amount
        # What is in the wallet pays what is open: both at once is neither.
        assert not (open_amount and posted(self.conn, self.customer_id))
        assert audit(self.conn) == []

    def _bill(self, pick: int) -> str:
        found = self._ids("bill_id", "bill")
        return str(found[pick % len(found)])

    def _ids(self, column: str, table: str) -> list[int]:
        found = rows(
            self.conn,
            f"SELECT {column} FROM {table} WHERE customer_id = %s ORDER BY 1",  # noqa: S608
            self.customer_id,
        )
        return [each for (each,) in found]

    def _key(self) -> str:
        self.steps += 1
        return f"step-{self.steps}"

    def _try(self, act: Callable[..., Any], *what: Any, **how: Any) -> None:
        """Do it, or be told why not: a rule that is named, and nothing half done."""
        with contextlib.suppress(BillingError):
            act(self.conn, *what, now=MARCH, **how)


@pytest.mark.timeout(600)
def test_no_sequence_at_the_till_unsettles_the_books(database_url: str) -> None:
    with connect(database_url, application="tests") as conn:

        class OnThisDatabase(Till):
            pass

        OnThisDatabase.conn = conn
        run_state_machine_as_test(
            OnThisDatabase,
            settings=settings(
                max_examples=25,
                stateful_step_count=25,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
