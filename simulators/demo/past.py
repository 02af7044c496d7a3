"""Fill the demo's town with half a year, day by day, by the services that bill life."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from billing_core.db.connect import Connection
from billing_core.services.billing_run import run_cycles
from billing_core.services.cash import take_cash
from billing_core.services.payments.deciding import approve
from billing_core.services.payments.transfers import announce_transfer
from billing_core.services.purchases import buy_package
from billing_core.services.registration import Registration, add_customer
from billing_core.services.service_days import run_service_days
from billing_core.services.suspension import sweep_suspensions
from simulators.demo import town
from simulators.demo.till import SimulatedTill
from simulators.demo.town import Neighbour

CASHIER = "operator:cashier.demo"
_DAY = timedelta(days=1)
_MIDNIGHT, _EVENING = time(0, 1), time(20, 0)
# Days that are bought at once: nobody goes to the shop each morning.
_PREPAID_DAYS = (10, 15, 30, 30)

_OWED = """
SELECT customer_id, min(issued_at), sum(gross - paid) FROM bill
 WHERE status IN ('unpaid', 'partial') GROUP BY customer_id
"""
_WALLETS = "SELECT customer_id, posted FROM wallet"


@dataclass(slots=True)
class Past:
    """Half a year, while it is lived."""

    conn: Connection
    zone: ZoneInfo
    secret_key: bytes
    password: str
    till: SimulatedTill
    dice: random.Random
    #: Of who joined, in that order.
    ids: dict[str, int] = field(default_factory=dict)
    _next_package: dict[str, datetime] = field(default_factory=dict)
    _count: int = 0

    def live(self, people: Sequence[Neighbour], now: datetime) -> None:
        """Live every day up to now: join, be charged, buy, pay, be suspended."""
        today = now.astimezone(self.zone).date()
        joined: list[Neighbour] = []
        for days_ago in range(town.DAYS, -1, -1):
            if days_ago % 30 == 0:
                # Plans made for empty tables would be kept: nobody else sees these
                # rows before the end, not even who gathers statistics.
                self.conn.execute("ANALYZE")
            day = today - days_ago * _DAY
            evening = min(self._moment(day, _EVENING), now)
            self._at_midnight(min(self._moment(day, _MIDNIGHT), now))
            for one in people[len(joined) :]:
                if one.joined_at > evening:
                    break
                self._join(one)
                joined.append(one)
            # Who joined today is billed today.
            self._bill(evening)
            owed = {row[0]: row[1:] for row in self.conn.execute(_OWED)}
            wallets: dict[int, Decimal] = dict(self.conn.execute(_WALLETS).fetchall())
            for one in joined:
                at = min(evening + timedelta(minutes=self.dice.randint(0, 180)), now)
                if one.stops_at is None or at < one.stops_at:
                    self._see(one, at, owed, wallets)

    def _moment(self, day: date, at: time) -> datetime:
        return datetime.combine(day, at, self.zone).astimezone(UTC)

    def _at_midnight(self, at: datetime) -> None:
        run_service_days(self.conn, now=at, zone=self.zone, actor="scheduler")
        self._bill(at)
        sweep_suspensions(self.conn, at)

    def _bill(self, at: datetime) -> None:
        run_cycles(self.conn, as_of=at, now=at, zone=self.zone, actor="scheduler")

    def _join(self, one: Neighbour) -> None:
        self.ids[one.username] = add_customer(
            self.conn,
            Registration(
                username=one.username,
                password=self.password,
                package=one.package.name,
                name=one.name,
                mobile=one.mobile,
                profile=one.profile.name if one.profile else None,
                language=one.language,
                operator=one.operator,
                zone=one.zone,
                comment="Demo data: nobody of this name exists.",
            ),
            secret_key=self.secret_key,
            actor="demo",
            now=one.joined_at,
        )

    def _see(
        self,
        one: Neighbour,
        at: datetime,
        owed: dict[int, tuple[datetime, Decimal]],
        wallets: dict[int, Decimal],
    ) -> None:
        """Let one customer do what he does this evening."""
        customer_id = self.ids[one.username]
        if one.is_on_hotspot:
            self._buy(one, at)
        elif one.is_prepaid:
            a_day = one.package.price / 30
            if wallets[customer_id] < a_day:
                self._pay(one, a_day * self.dice.choice(_PREPAID_DAYS), at)
        elif customer_id in owed:
            since, due = owed[customer_id]
            if at - since >= timedelta(days=one.pays_after_days):
                self._pay(one, due, at)

    def _buy(self, one: Neighbour, at: datetime) -> None:
        if at < self._next_package.get(one.username, at):
            return
        self._cash(one, one.package.gross_price, at)
        key = f"demo:{self._count}"
        name = one.package.name
        buy_package(self.conn, one.username, name, key=key, actor="demo", now=at)
        days = timedelta(days=self.dice.randint(0, 4))
        assert one.package.validity_seconds is not None  # noqa: S101 - narrows
        self._next_package[one.username] = (
            at + timedelta(seconds=one.package.validity_seconds) + days
        )

    def _pay(self, one: Neighbour, amount: Decimal, at: datetime) -> None:
        customer_id = self.ids[one.username]
        match one.pays_by:
            case "bkash":
                self.till.pay(self.conn, customer_id, amount, now=at)
            case "transfer":
                self._count += 1
                attempt = announce_transfer(
                    self.conn,
                    customer_id=customer_id,
                    amount=amount,
                    sender=one.mobile,
                    transaction_id=f"DEMO{self._count:06d}",
                    purpose="bills",
                    actor=f"customer:{one.username}",
                    now=at,
                )
                approve(self.conn, attempt.attempt_id, operator=CASHIER, now=at)
            case _:
                self._cash(one, amount, at)

    def _cash(self, one: Neighbour, amount: Decimal, at: datetime) -> None:
        self._count += 1
        take_cash(
            self.conn,
            one.username,
            amount,
            key=f"demo:{self._count}",
            operator=CASHIER,
            note="",
            now=at,
        )
