"""Fourteen months of a small provider, day by day, against a model of him.

The clock's own jobs run with the time injected, on a real PostgreSQL; operators take
money, change packages, pause, hold, suspend and disable in between; some leave for
good. The model (tests/time_travel) is told the same and nothing else; at each month's
end both must agree on every bill, credit note, wallet and status, and the books must
be whole.
"""

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from billing_core.db.connect import Connection
from billing_core.db.customers import CustomerError
from billing_core.db.profiles import (
    NewProfile,
    insert_profile,
    insert_vat_profile,
)
from billing_core.services import customers, suspension
from billing_core.services.audit import audit
from billing_core.services.calendar import (
    bill_the_cycles,
    charge_the_day,
    number_new_bills,
    suspend_the_overdue,
)
from billing_core.services.cash import take_cash
from billing_core.services.changes import change_package
from billing_core.services.partitions import ensure_partitions
from billing_core.services.purchases import buy_package
from billing_core.services.registration import Registration, add_customer
from tests.builders import (
    KEY,
    Packets,
    a_grant,
    a_nas,
    a_package,
    fold,
    open_session,
    rows,
)
from tests.time_travel import model
from tests.time_travel.cast import CAST
from tests.time_travel.model import Customer, Terms

DHAKA = ZoneInfo("Asia/Dhaka")
FIRST, LAST = date(2026, 1, 1), date(2027, 2, 28)
DAY = timedelta(days=1)
MORNING, NOON = time(0, 1), time(12)


def moment(local: datetime) -> datetime:
    return local.replace(tzinfo=DHAKA).astimezone(UTC)


@dataclass
class World:
    """The provider twice: on the database and in the model."""

    conn: Connection
    dice: random.Random
    nas_id: int
    everybody: list[Customer] = field(default_factory=list)
    ids: dict[str, int] = field(default_factory=dict)
    packages: dict[Terms, str] = field(default_factory=dict)

    # The clock --------------------------------------------------------------------

    def tick(self, now: datetime, *, is_first: bool) -> None:
        at = moment(now)
        for job in (charge_the_day, bill_the_cycles, suspend_the_overdue):
            job(self.conn, at)
        number_new_bills(self.conn, at)
        for one in self.everybody:
            if is_first:
                model.begin_day(one, now)
        for one in self.everybody:
            model.bill_cycles(one, now)
        for one in self.everybody:
            if one.status == "active":
                model.decide(one, now)

    # What people do -----------------------------------------------------------------

    def join(self, name: str, terms: Terms, now: datetime) -> None:
        profile = self._profile(name, terms)
        self.packages.setdefault(terms, _package(self.conn, terms))
        self.ids[name] = add_customer(
            self.conn,
            Registration(
                username=name,
                password="secret",
                package=self.packages[terms],
                profile=profile,
                special_price=terms.special,
                discount_percent=terms.discount,
            ),
            secret_key=KEY,
            actor="test",
            now=moment(now),
        )
        self.everybody.append(Customer(name, terms, now))

    def _profile(self, name: str, terms: Terms) -> str | None:
        of_days = terms.days_min > 1 or not terms.every_day
        if terms.billing not in ("monthly", "free") and not of_days:
            return None
        vat_profile_id = None
        if terms.vat_rates:
            vat_profile_id = insert_vat_profile(
                self.conn,
                name,
                registration_number="",
                inclusive=terms.inclusive,
                rates=list(terms.vat_rates),
            )
        profile = NewProfile(
            name=name,
            billing_type=terms.billing,
            bill_trigger=terms.trigger,
            bill_day=terms.bill_day,
            in_advance=terms.in_advance,
            cycle_ends_with_month=terms.ends_with_month,
            due_days=terms.due_days,
            grace_days=terms.grace_days,
            due_threshold=terms.threshold,
            auto_bill=terms.auto_bill,
            auto_suspend=terms.auto_suspend,
            auto_activate=terms.auto_activate,
            bill_while_suspended=terms.bill_while_suspended,
            proration="by_minute" if terms.by_minute else "none",
            vat_profile_id=vat_profile_id,
            minimum_validity_days=terms.days_min,
            daily_charge="every_day" if terms.every_day else "days_used",
        )
        insert_profile(self.conn, profile)
        return name

    def pay(self, one: Customer, amount: Decimal, now: datetime) -> None:
        take_cash(
            self.conn,
            one.name,
            amount,
            key=f"{now}",
            operator="test",
            note="",
            now=moment(now),
        )
        model.pay(one, amount, now)

    def off(self, one: Customer, now: datetime, *, disable: bool) -> None:
        said = {"note": "", "actor": "test", "now": moment(now)}
        customers.suspend(self.conn, one.name, disable=disable, **said)  # type: ignore[arg-type] # named above
        status = "disabled" if disable else "suspended"
        model.stop(one, "OPERATOR", now, status)

    def on(self, one: Customer, now: datetime) -> None:
        said = {"note": "", "actor": "test", "now": moment(now)}
        if model.is_to_stop(one, now):
            # He would be cut again by the next sweep.
            with pytest.raises(CustomerError, match="take his payment"):
                customers.activate(self.conn, one.name, **said)  # type: ignore[arg-type] # named above
            return
        customers.activate(self.conn, one.name, **said)  # type: ignore[arg-type] # named above
        model.activate(one, now)

    def change_package(self, one: Customer, now: datetime) -> None:
        """Put him on a package of another price, at times with a price of his own."""
        dice, terms = self.dice, one.terms
        changes: dict[str, Any] = {
            "price": Decimal(dice.randint(200_00, 1500_00)) / 100
        }
        if terms.billing == "monthly":
            changes["special"] = None
            if dice.random() < 0.3:
                changes["special"] = Decimal(dice.randint(150_00, 900_00)) / 100
        if not terms.vat_rates:
            changes["vat"] = Decimal(dice.choice(["0", "5", "7.5", "15"]))
            changes["inclusive"] = dice.random() < 0.5
        new = replace(terms, **changes)
        self.packages.setdefault(new, _package(self.conn, new))
        change_package(
            self.conn,
            one.name,
            self.packages[new],
            special_price=new.special,
            actor="test",
            now=moment(now),
            zone=DHAKA,
        )
        model.change_package(one, new, now)

    def pause(self, one: Customer, now: datetime) -> None:
        suspension.pause(self.conn, one.name, note="", actor="test", now=moment(now))
        model.pause(one, now)

    def resume(self, one: Customer, now: datetime) -> None:
        suspension.resume(self.conn, one.name, note="", actor="test", now=moment(now))
        model.resume(one, now)

    def hold(self, one: Customer, until: datetime, now: datetime) -> None:
        suspension.hold(
            self.conn,
            one.name,
            moment(until),
            note="",
            actor="test",
            now=moment(now),
        )
        one.hold = until
        if one.status == "active":
            model.decide(one, now)

    def use(self, one: Customer, minutes: int, now: datetime) -> None:
        p = Packets(one.name, self.nas_id, started_at=moment(now))
        end = moment(now) + timedelta(minutes=minutes)
        fold(self.conn, p.start(), p.stop(60 * minutes), now=end)
        model.use(one, now, minutes)

    def log_in(self, one: Customer, now: datetime) -> None:
        """Come in, and pay the day that is used; his device is always the same."""
        gross, vat = model.day_price(one.terms, now.date())
        grant = a_grant(
            self.conn,
            self.ids[one.name],
            self.nas_id,
            sessions_allowed=1,
            day=now.date(),
            day_net=gross - vat,
            day_vat=vat,
            vat_percent=one.terms.vat,
        )
        assert open_session(self.conn, grant, at=moment(now)) == "OK"
        model.log_in(one, now.date())

    def buy(self, one: Customer, now: datetime) -> None:
        buy_package(
            self.conn,
            one.name,
            self.packages[one.terms],
            key=f"{now}",
            actor="test",
            now=moment(now),
        )
        model.buy(one, now)

    # What happens on a day ----------------------------------------------------------

    def something_happens(self, one: Customer, now: datetime) -> None:
        """Let at most a few things happen to a customer today, as the dice say."""
        chance = self.dice.random
        self._money(one, now)
        if one.reason == "PAUSED":
            if chance() < 0.06:
                (self.resume if chance() < 0.7 else self.on)(one, now)
        elif one.status == "active":
            if chance() < 0.003:
                self.pause(one, now)
            elif chance() < 0.002:
                self.off(one, now, disable=False)
            elif chance() < 0.001:
                self.off(one, now, disable=True)
            elif self._may_change(one, now) and chance() < 0.02:
                self.change_package(one, now)
            elif not one.terms.every_day and chance() < 0.4:
                if one.money >= model.day_price(one.terms, now.date())[0]:
                    self.log_in(one, now)
            elif one.terms.billing == "per_session" and chance() < 0.15:
                self._use_hotspot(one, now)
            elif one.terms.billing == "package" and chance() < 0.04:
                self._buy_hotspot(one, now)
        elif chance() < (0.04 if one.reason == "OPERATOR" else 0.02):
            self.on(one, now)
        elif one.status == "suspended" and chance() < 0.003:
            self.off(one, now, disable=True)
        if chance() < 0.004:
            days = self.dice.randint(1, 20)
            self.hold(one, model.midnight(now.date()) + days * DAY, now)

    def _may_change(self, one: Customer, now: datetime) -> bool:
        if one.terms.billing not in ("monthly", "daily"):
            return False
        # Nobody is charged a year at once: what was never billed is billed first.
        return now - (one.cursor or one.joined) < 300 * DAY

    def _money(self, one: Customer, now: datetime) -> None:
        dice, due = self.dice, one.due
        # By name: who pays soon, and who late or never in full.
        readiness = (0.3, 0.12, 0.05, 0.02)[int(one.name[1:]) % 4]
        amount = Decimal(0)
        if due and dice.random() < readiness:
            amount = dice.choice(
                [due, due, due, model.rounded(due / 2), due + 200, Decimal(100)]
            )
        elif one.terms.billing == "daily" and dice.random() < readiness / 2:
            amount = Decimal(dice.choice([5, 20, 75, 150, 300]))
        elif dice.random() < 0.004:
            amount = Decimal(dice.randint(1, 90_000)) / 100
        if amount:
            self.pay(one, amount, now)

    def _use_hotspot(self, one: Customer, now: datetime) -> None:
        minutes = self.dice.randint(1, 600)
        if one.money < one.terms.price * minutes:
            self.pay(one, Decimal(500), now)
        if one.money >= one.terms.price * minutes:
            self.use(one, minutes, now)

    def _buy_hotspot(self, one: Customer, now: datetime) -> None:
        if one.money < 2 * one.terms.price:
            self.pay(one, 2 * one.terms.price, now)
        self.buy(one, now)

    # Looking ------------------------------------------------------------------------

    def check(self) -> None:
        """Both agree on every bill, wallet and status, and the books are whole."""
        found: dict[int, list[tuple[Any, ...]]] = {i: [] for i in self.ids.values()}
        for customer_id, *bill in rows(
            self.conn,
            "SELECT customer_id, kind, period_start, period_end, gross, vat, paid,"
            " status, due_at, suspend_at FROM bill",
        ):
            found[customer_id].append(tuple(bill))
        credits: dict[int, list[tuple[Any, ...]]] = {i: [] for i in self.ids.values()}
        for customer_id, *note in rows(
            self.conn, "SELECT customer_id, gross, vat, credited_from FROM credit_note"
        ):
            credits[customer_id].append(tuple(note))
        states = {
            row[0]: row[1:]
            for row in rows(
                self.conn,
                "SELECT customer_id, posted, due, status, suspend_reason"
                " FROM customer JOIN wallet USING (customer_id)",
            )
        }
        for one in self.everybody:
            customer_id = self.ids[one.name]
            notes = [(gross, vat, moment(since)) for gross, vat, since in one.credits]
            assert sorted(credits[customer_id]) == sorted(notes), one
            expected = [
                (
                    b.kind,
                    moment(b.start),
                    moment(b.end),
                    b.gross,
                    b.vat,
                    b.paid,
                    b.status,
                    b.due and moment(b.due),
                    b.suspend and moment(b.suspend),
                )
                for b in one.bills
            ]
            assert sorted(found[customer_id], key=str) == sorted(expected, key=str), one
            state = (one.money, one.due, one.status, one.reason)
            assert states[customer_id] == state, one
        assert audit(self.conn) == []
        for series, table in (("B", "bill"), ("CN", "credit_note")):
            numbers = rows(self.conn, f"SELECT number FROM {table} ORDER BY number")  # noqa: S608
            assert numbers == [
                (f"{series}-{n:08d}",) for n in range(1, len(numbers) + 1)
            ]


def _package(conn: Connection, terms: Terms) -> str:
    facts: dict[str, Any] = {
        "billing": terms.billing,
        "vat_percent": terms.vat,
        "vat_inclusive": terms.inclusive,
    }
    if terms.billing == "per_session":
        facts |= {"price_per_minute": terms.price, "increment_seconds": 60}
    else:
        facts["price"] = terms.price
    if terms.billing in ("daily", "package"):
        facts["validity_seconds"] = terms.days * 86400
    if terms.billing == "package":
        facts["validity_from"] = "purchase"
    return a_package(conn, **facts)


# On a machine that others keep busy it outlasts the usual bound.
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [2026, 7, 31])
def test_fourteen_months_are_as_a_simple_model_of_them(
    conn: Connection, seed: int
) -> None:
    dice = random.Random(seed)
    world = World(conn, dice, a_nas(conn))
    # A third is there from the first minute, the others join within the year.
    joins = {
        number: FIRST if number % 3 == 0 else FIRST + dice.randrange(330) * DAY
        for number in range(len(CAST))
    }
    # One in eight leaves for good, wherever in a cycle he is and whatever he owes.
    leaves = {
        f"c{number:02d}": joined + dice.randint(1, 200) * DAY
        for number, joined in joins.items()
        if number % 8 == 5
    }
    day = FIRST
    # At times no scheduler runs for days: bills are late, days are not charged.
    down_until = FIRST
    while day <= LAST:
        if day.day < 28 and dice.random() < 0.02:
            down_until = day + dice.randint(1, 3) * DAY
        is_up = day >= down_until
        for number, joined in joins.items():
            if joined == day and number % 6 == 0:
                world.join(f"c{number:02d}", CAST[number], model.midnight(day))
        if is_up:
            world.tick(datetime.combine(day, MORNING), is_first=True)
        for one in list(world.everybody):
            if leaves.get(one.name, day) < day:
                continue
            minute = timedelta(hours=9, minutes=int(one.name[1:]))
            now = model.midnight(day) + minute
            if leaves.get(one.name) != day:
                world.something_happens(one, now)
            elif one.status != "disabled":
                world.off(one, now, disable=True)
        for number, joined in joins.items():
            if joined == day and number % 6 != 0:
                at = datetime.combine(day, time(11, number))
                world.join(f"c{number:02d}", CAST[number], at)
        if is_up:
            world.tick(datetime.combine(day, NOON), is_first=False)
        if (day + DAY).month != day.month:
            world.check()
            ensure_partitions(conn, moment(datetime.combine(day + DAY, NOON)))
        day += DAY

    # Nothing was idle: all that can happen to a customer did.
    kinds = {bill.kind for one in world.everybody for bill in one.bills}
    # A day is owed when somebody with nothing is held: not in each of the walks.
    assert kinds - {"owed_day"} == {
        *("cycle", "package_change", "service_day", "session", "package"),
    }
    assert any(one.credits for one in world.everybody)
    gone = [one for one in world.everybody if leaves.get(one.name, LAST) < LAST]
    assert gone
    for one in gone:
        assert one.status == "disabled"
        assert all(bill.start.date() <= leaves[one.name] for bill in one.bills)
    reasons = {row[0] for row in rows(conn, "SELECT reason FROM customer_event")}
    assert reasons >= {"PAYMENT_DUE", "DUE_THRESHOLD", "BALANCE_EXHAUSTED", "OPERATOR"}
    assert (
        rows(conn, "SELECT customer_id FROM customer WHERE parked_reason <> ''") == []
    )
