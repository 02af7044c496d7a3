"""Whatever operators do in whatever order, the books stay sound and money is used."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from billing_core.db.connect import Connection
from billing_core.errors import BillingError
from billing_core.services import changes, suspension
from billing_core.services.audit import audit
from billing_core.services.cash import take_cash
from billing_core.services.charges import bill_again, charge_customer
from billing_core.services.corrections import credit_bill, void_bill
from billing_core.services.wallets import adjust, reverse_entry
from tests.builders import a_daily_package, a_package, rows, username_of
from tests.integration.test_billing_run import DHAKA, a_monthly_customer, dhaka, run
from tests.integration.test_changes import a_profile

STEPS = 60
JUNE = dhaka(2026, 6, 1)
Operation = Callable[[], object]


@pytest.mark.parametrize("seed", range(6))
def test_books_stay_sound_whatever_operators_do(conn: Connection, seed: int) -> None:
    rng = random.Random(seed)
    customer_id = a_monthly_customer(
        conn, joined=JUNE, bill_trigger="first", in_advance=seed % 2 == 0
    )
    walk = _Walk(conn, customer_id, rng)
    done = 0
    for step in range(STEPS):
        walk.now += timedelta(minutes=rng.randrange(60 * 24 * 4))
        walk.step = step
        name, operation = rng.choice(walk.operations())
        try:
            operation()
            done += 1
        except BillingError:
            pass  # Refused; then nothing may have changed.
        assert audit(conn) == [], f"after {name} in step {step}"
        ((posted, due),) = rows(conn, "SELECT posted, due FROM wallet")
        # Money that is there pays what is owed, and nothing is paid with none.
        assert posted >= 0, f"after {name} in step {step}"
        assert due == 0 or posted == 0, f"after {name} in step {step}"
    assert done > STEPS // 3


class _Walk:
    """An operator who does anything to one customer."""

    def __init__(self, conn: Connection, customer_id: int, rng: random.Random) -> None:
        self.conn, self.rng, self.customer_id = conn, rng, customer_id
        self.username = username_of(conn, customer_id)
        self.now: datetime = JUNE
        self.step = 0
        home = rows(conn, "SELECT name FROM package")[0][0]
        self.monthly = [home] + [
            a_package(
                conn, billing="monthly", price=Decimal(price), vat_percent=Decimal(vat)
            )
            for price, vat in ((1200, 15), (333, 5), (999, 0))
        ]
        self.daily = a_daily_package(conn)
        self.profiles = [
            (a_profile(conn, "monthly", bill_trigger="first"), self.monthly),
            (a_profile(conn, "monthly", in_advance=False), self.monthly),
            (
                a_profile(conn, "monthly", bill_trigger="day", bill_day=20),
                self.monthly,
            ),
            (
                a_profile(conn, "monthly", proration="none", bill_while_suspended=True),
                self.monthly,
            ),
            (a_profile(conn, "free"), self.monthly),
            (a_profile(conn, "daily"), [self.daily]),
        ]

    def operations(self) -> list[tuple[str, Operation]]:
        """Name what may be done now."""
        ours = [
            self.run,
            self.run,
            self.sweep,
            self.pay,
            self.pay,
            self.adjust,
            self.reverse,
            self.charge,
            self.credit,
            self.void,
            self.again,
            self.package,
            self.package,
            self.profile,
            self.pause,
            self.resume,
        ]
        return [(operation.__name__, operation) for operation in ours]

    def run(self) -> None:
        run(self.conn, self.now)

    def sweep(self) -> None:
        suspension.sweep_suspensions(self.conn, self.now)

    def amount(self) -> Decimal:
        return Decimal(self.rng.randrange(1, 150_000)) / 100

    def pay(self) -> None:
        take_cash(
            self.conn,
            self.username,
            self.amount(),
            key=str(self.step),
            operator="nila",
            note="",
            now=self.now,
        )

    def adjust(self) -> None:
        adjust(
            self.conn,
            self.username,
            round(self.amount() - 750, 2),
            reason="walk",
            key=str(self.step),
            operator="nila",
            now=self.now,
        )

    def reverse(self) -> None:
        # Taking back an adjustment that took money out gives some; all others take.
        entry_id = self.one_of("SELECT entry_id FROM ledger_entry ORDER BY entry_id")
        reverse_entry(
            self.conn,
            self.username,
            int(entry_id),
            reason="walk",
            operator="nila",
            now=self.now,
        )

    def charge(self) -> None:
        charge_customer(
            self.conn,
            self.username,
            self.amount(),
            description="walk",
            vat_profile=None,
            key=str(self.step),
            actor="nila",
            now=self.now,
            zone=DHAKA,
        )

    def credit(self) -> None:
        credit_bill(
            self.conn,
            self.bill(),
            Decimal(self.rng.randrange(1, 30_000)) / 100,
            reason="walk",
            key=str(self.step),
            actor="nila",
            now=self.now,
        )

    def void(self) -> None:
        void_bill(self.conn, self.bill(), reason="walk", actor="nila", now=self.now)

    def again(self) -> None:
        query = "SELECT number FROM bill WHERE kind = 'cycle' AND status = 'void'"
        bill = self.one_of(f"{query} ORDER BY 1")
        bill_again(self.conn, bill, actor="nila", now=self.now, zone=DHAKA)

    def package(self) -> None:
        changes.change_package(
            self.conn,
            self.username,
            self.rng.choice(self.monthly),
            special_price=self.rng.choice([None, None, Decimal(777)]),
            actor="nila",
            now=self.now,
            zone=DHAKA,
        )

    def profile(self) -> None:
        profile, packages = self.rng.choice(self.profiles)
        changes.change_profile(
            self.conn,
            self.username,
            profile,
            package_name=self.rng.choice([None, *packages]),
            actor="nila",
            now=self.now,
            zone=DHAKA,
        )

    def pause(self) -> None:
        suspension.pause(self.conn, self.username, note="", actor="nila", now=self.now)

    def resume(self) -> None:
        suspension.resume(self.conn, self.username, note="", actor="nila", now=self.now)

    def bill(self) -> str:
        return self.one_of("SELECT number FROM bill ORDER BY bill_id DESC LIMIT 5")

    def one_of(self, query: str) -> str:
        found = rows(self.conn, query)
        return str(self.rng.choice(found)[0]) if found else "0"
