"""A small provider as one would keep him in an exercise book.

Independent of billing_core on purpose: its own calendar, plain lists, no database.
Moments are naive local times of a zone without clock changes.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
END_OF_TIME = datetime.combine(date.max, time())
PERSON = ("OPERATOR", "PAUSED")


@dataclass(frozen=True)
class Terms:
    """Everything about how a customer is billed."""

    billing: str
    price: Decimal = Decimal(0)
    days: int = 30
    vat: Decimal = Decimal(0)
    inclusive: bool = True
    #: Stand over `vat`: (first day, percent), oldest first.
    vat_rates: tuple[tuple[date, Decimal], ...] = ()
    trigger: str = "renewal"
    bill_day: int | None = None
    in_advance: bool = True
    ends_with_month: bool = False
    due_days: int = 7
    grace_days: int = 0
    threshold: Decimal = Decimal(0)
    auto_bill: bool = True
    auto_suspend: bool = True
    auto_activate: bool = True
    bill_while_suspended: bool = False
    by_minute: bool = True
    special: Decimal | None = None
    discount: Decimal = Decimal(0)
    #: Daily: who was cut comes back with money for so many days.
    days_min: int = 1
    #: Daily: every day, or only days with a login.
    every_day: bool = True

    @property
    def cycle_price(self) -> Decimal:
        price = self.price if self.special is None else self.special
        return rounded(price * (100 - self.discount) / 100)


@dataclass
class Bill:
    """A bill and what was paid of it."""

    kind: str
    start: datetime
    end: datetime
    gross: Decimal
    vat: Decimal
    paid: Decimal
    due: datetime | None = None
    suspend: datetime | None = None
    percent: Decimal = Decimal(0)
    #: What was given back of it, of that VAT, and from where on.
    credited: Decimal = Decimal(0)
    credited_vat: Decimal = Decimal(0)
    credited_from: datetime | None = None

    @property
    def status(self) -> str:
        if self.paid == self.gross:
            return "paid"
        return "partial" if self.paid else "unpaid"


@dataclass
class Customer:
    """A customer of the model."""

    name: str
    terms: Terms
    joined: datetime
    money: Decimal = Decimal(0)
    status: str = "active"
    reason: str | None = None
    hold: datetime | None = None
    paused: bool = False
    bills: list[Bill] = field(default_factory=list)
    #: [start, end] without service and bills; the last one may have no end yet.
    gaps: list[list[datetime | None]] = field(default_factory=list)
    #: Where the next period begins that is not yet looked at for good.
    cursor: datetime | None = None
    #: Time that a change charged: no cycle does again.
    charged: list[tuple[datetime, datetime]] = field(default_factory=list)
    #: (gross, VAT, from) of each credit note.
    credits: list[tuple[Decimal, Decimal, datetime]] = field(default_factory=list)

    @property
    def due(self) -> Decimal:
        return sum((bill.gross - bill.paid for bill in self.bills), Decimal(0))


def rounded(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def with_vat(
    amount: Decimal, percent: Decimal, inclusive: bool
) -> tuple[Decimal, Decimal]:
    """Give gross and VAT of a rounded amount."""
    if inclusive:
        return amount, amount - rounded(amount * 100 / (100 + percent))
    vat = rounded(amount * percent / 100)
    return amount + vat, vat


# Cycles -------------------------------------------------------------------------------


def boundary(year: int, month: int, day: int) -> datetime:
    """Give the boundary of a month: its day, or its last if it has fewer."""
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    following = date(year + month // 12, month % 12 + 1, 1)
    return midnight(date(year, month, min(day, (following - DAY).day)))


def boundary_day(customer: Customer) -> int:
    terms = customer.terms
    if terms.trigger == "first" or terms.ends_with_month:
        return 1
    return terms.bill_day or customer.joined.day


def cycle_around(customer: Customer, moment: datetime) -> tuple[datetime, datetime]:
    day = boundary_day(customer)
    near = [boundary(moment.year, moment.month + step, day) for step in (-1, 0, 1, 2)]
    start = max(b for b in near if b <= moment)
    return start, min(b for b in near if b > moment)


def moment_to_bill(
    terms: Terms, start: datetime, cycle: tuple[datetime, datetime]
) -> datetime:
    """Give when the period from start to its cycle's end is billed."""
    turn = start if terms.in_advance else cycle[1]
    if not terms.ends_with_month or terms.bill_day is None:
        return turn
    month = cycle[0] if terms.in_advance else cycle[1]
    return max(turn, boundary(month.year, month.month, terms.bill_day))


def pieces(
    customer: Customer, start: datetime, end: datetime
) -> list[tuple[datetime, datetime]]:
    """Give what of a period had service that no change charged."""
    left = [(start, end)]
    for gap_start, gap_end in [*customer.gaps, *customer.charged]:
        assert gap_start is not None
        gap_end = gap_end or END_OF_TIME
        cut = []
        for a, b in left:
            if a < min(b, gap_start):
                cut.append((a, min(b, gap_start)))
            if max(a, gap_end) < b:
                cut.append((max(a, gap_end), b))
        left = cut
    return left


def share(price: Decimal, cycle: tuple[datetime, datetime], a: datetime) -> Decimal:
    """Give what a cycle is worth from its start to a moment."""
    return rounded(
        price * ((a - cycle[0]) // MINUTE) / ((cycle[1] - cycle[0]) // MINUTE)
    )


def bill_cycles(customer: Customer, now: datetime) -> None:
    """Issue what is due of a monthly customer; let his money pay what it can."""
    terms = customer.terms
    if terms.billing != "monthly" or not terms.auto_bill or terms.trigger == "manual":
        return
    owes_while_off = customer.status == "suspended" and terms.bill_while_suspended
    if customer.paused or (customer.status != "active" and not owes_while_off):
        return
    price = terms.cycle_price
    issued = False
    start = customer.cursor or customer.joined
    while True:
        cycle = cycle_around(customer, start)
        moment = moment_to_bill(terms, start, cycle)
        if moment > now:
            break
        for _, gap_end in customer.gaps:
            assert gap_end is not None, f"{customer.name} is served within a gap"
        for gap_start, gap_end in sorted(customer.gaps, key=str):
            assert gap_start is not None
            assert gap_end is not None
            if gap_start <= moment < gap_end:
                moment = gap_end
        bill = _cycle_bill(customer, price, start, cycle)
        if bill is not None:
            # A bill that comes late is due from the day it comes.
            day = max(moment, now).date()
            bill.due = max(moment, midnight(day) + terms.due_days * DAY)
            if terms.auto_suspend:
                bill.suspend = max(
                    bill.due, midnight(bill.due.date()) + terms.grace_days * DAY
                )
            customer.bills.append(bill)
            issued = True
        start = customer.cursor = cycle[1]
    if issued:
        settle(customer)


def _cycle_bill(
    customer: Customer,
    price: Decimal,
    start: datetime,
    cycle: tuple[datetime, datetime],
) -> Bill | None:
    terms = customer.terms
    parts = pieces(customer, start, cycle[1])
    if not parts:
        return None
    amount = sum(
        (share(price, cycle, b) - share(price, cycle, a) for a, b in parts), Decimal(0)
    )
    if not terms.by_minute:
        amount = price
    if not amount:
        return None
    return _bill("cycle", terms, amount, parts[0][0], parts[-1][1])


def _bill(
    kind: str, terms: Terms, amount: Decimal, start: datetime, end: datetime
) -> Bill:
    percent = terms.vat
    for first_day, rate in terms.vat_rates:
        if first_day <= start.date():
            percent = rate
    gross, vat = with_vat(amount, percent, terms.inclusive)
    return Bill(kind, start, end, gross, vat, Decimal(0), percent=percent)


# Changes of package -------------------------------------------------------------------


def change_package(customer: Customer, new: Terms, now: datetime) -> None:
    """Put a customer on other terms: give back what is unused, charge it anew."""
    if new.billing == "monthly":
        _change_cycles(customer, new, now)
    customer.terms = new
    settle(customer)
    come_back(customer, now)


def _change_cycles(customer: Customer, new: Terms, now: datetime) -> None:
    old, cycle = customer.terms, cycle_around(customer, now)
    # What was used and is not billed yet costs the old price.
    start = max(customer.cursor or customer.joined, customer.joined)
    end = now if old.by_minute else cycle[0]
    used = pieces(customer, start, end) if start < end else []
    paid = [
        bill
        for bill in customer.bills
        if bill.kind in ("cycle", "package_change")
        and (bill.credited_from or bill.end) > max(now, bill.start)
    ]
    charges = [(old, *part) for part in used]
    for bill in sorted(paid, key=lambda bill: bill.start):
        since = max(bill.start, now) if old.by_minute else bill.start
        until = bill.credited_from or bill.end
        charges.append((new, since, until))
        _give_back(customer, bill, since, until)
    for terms, a, b in charges:
        _charge(customer, terms, a, b, now)
    customer.charged += used


def _give_back(
    customer: Customer, bill: Bill, since: datetime, until: datetime
) -> None:
    left = bill.gross - bill.credited
    minutes, used = (until - bill.start) // MINUTE, (since - bill.start) // MINUTE
    gross = left - rounded(left * used / minutes)
    if not gross:
        return
    vat = gross - rounded(gross * 100 / (100 + bill.percent))
    vat = min(vat, bill.vat - bill.credited_vat)
    on_bill = min(gross, bill.gross - bill.paid)
    bill.paid += on_bill
    customer.money += gross - on_bill
    bill.credited += gross
    bill.credited_vat += vat
    bill.credited_from = since
    customer.credits.append((gross, vat, since))


def _charge(
    customer: Customer, terms: Terms, a: datetime, b: datetime, now: datetime
) -> None:
    """Charge service, a bill for each cycle that it lies in."""
    while a < b:
        cycle = cycle_around(customer, a)
        end = min(b, cycle[1])
        price = terms.cycle_price
        amount = share(price, cycle, end) - share(price, cycle, a)
        if not terms.by_minute:
            amount = price
        if amount:
            bill = _bill("package_change", terms, amount, a, end)
            bill.due = max(now, midnight(now.date()) + terms.due_days * DAY)
            if terms.auto_suspend:
                bill.suspend = max(
                    bill.due, midnight(bill.due.date()) + terms.grace_days * DAY
                )
            customer.bills.append(bill)
        a = cycle[1]


# Days ---------------------------------------------------------------------------------


def day_price(terms: Terms, day: date) -> tuple[Decimal, Decimal]:
    """Give gross and VAT of a service day; any `days` in a row sum to the price."""
    index = day.toordinal() % terms.days
    amount = rounded(terms.price * (index + 1) / terms.days) - rounded(
        terms.price * index / terms.days
    )
    return with_vat(amount, terms.vat, terms.inclusive)


def charge_day(customer: Customer, day: date) -> bool:
    """Charge a day if the money is there; tell whether it is charged."""
    kinds = ("service_day", "owed_day")
    if any(b.kind in kinds and b.start.date() == day for b in customer.bills):
        return True
    gross, vat = day_price(customer.terms, day)
    if customer.money < gross:
        return False
    customer.money -= gross
    start = midnight(day)
    customer.bills.append(Bill("service_day", start, start + DAY, gross, vat, gross))
    return True


def begin_day(customer: Customer, now: datetime) -> None:
    """Charge the day that begins to who pays by the day, or stop his service."""
    if customer.terms.billing != "daily" or customer.status != "active":
        return
    if not customer.terms.every_day:
        return
    if customer.joined < midnight(now.date() + DAY) and not charge_day(
        customer, now.date()
    ):
        if customer.hold is not None and customer.hold > now:
            owe_day(customer, now.date(), customer.hold)
        else:
            decide(customer, now, covered=False)


def owe_day(customer: Customer, day: date, hold: datetime) -> None:
    """Bill a day to who is held and has not the money for it, until his hold ends."""
    gross, vat = day_price(customer.terms, day)
    start = midnight(day)
    bill = Bill("owed_day", start, start + DAY, gross, vat, Decimal(0))
    bill.due = hold
    bill.suspend = hold if customer.terms.auto_suspend else None
    customer.bills.append(bill)
    settle(customer)


# Money and service --------------------------------------------------------------------


def settle(customer: Customer) -> None:
    """Pay open bills, the one due first first."""
    unpaid = [bill for bill in customer.bills if bill.paid < bill.gross]
    for bill in sorted(unpaid, key=lambda bill: bill.due or midnight(date.min)):
        part = min(bill.gross - bill.paid, customer.money)
        bill.paid += part
        customer.money -= part


def cause(customer: Customer, now: datetime, covered: bool) -> str | None:
    terms = customer.terms
    if terms.billing == "free":
        return None
    if not covered:
        return "BALANCE_EXHAUSTED"
    if not terms.auto_suspend:
        return None
    for bill in customer.bills:
        if bill.paid < bill.gross and bill.suspend is not None and bill.suspend <= now:
            return "PAYMENT_DUE"
    if 0 < terms.threshold < customer.due:
        return "DUE_THRESHOLD"
    return None


def is_to_stop(customer: Customer, now: datetime) -> bool:
    """Tell whether he would be cut by himself if he had service."""
    is_held = customer.hold is not None and customer.hold > now
    return not is_held and cause(customer, now, covered=True) is not None


def decide(customer: Customer, now: datetime, *, covered: bool = True) -> None:
    """Stop service or let it come back."""
    why = cause(customer, now, covered)
    if customer.status == "active":
        if why and (customer.hold is None or customer.hold <= now):
            stop(customer, why, now)
    elif (
        customer.status == "suspended"
        and customer.reason not in PERSON
        and customer.terms.auto_activate
        and why is None
    ):
        activate(customer, now)


def stop(
    customer: Customer, why: str, now: datetime, status: str = "suspended"
) -> None:
    """Take service away; where that time is not billed, note that it began."""
    customer.status, customer.reason = status, why
    bills_on = customer.terms.bill_while_suspended and why != "PAUSED"
    if status == "suspended" and bills_on:
        return
    if not customer.gaps or customer.gaps[-1][1] is not None:
        customer.gaps.append([now, None])


def activate(customer: Customer, now: datetime) -> None:
    """Give service back, for whatever it was gone."""
    customer.status, customer.reason, customer.paused = "active", None, False
    if customer.gaps and customer.gaps[-1][1] is None:
        customer.gaps[-1][1] = now
        if customer.gaps[-1][0] == now:
            del customer.gaps[-1]


def pay(customer: Customer, amount: Decimal, now: datetime) -> None:
    """Take money: pay bills, or the day, and decide about service."""
    customer.money += amount
    settle(customer)
    come_back(customer, now)


def come_back(customer: Customer, now: datetime) -> None:
    """Decide about service after money came: who was cut by himself pays his day."""
    covered, terms = True, customer.terms
    was_cut = customer.status == "suspended" and customer.reason not in PERSON
    if was_cut and terms.billing == "daily":
        days = [now.date() + number * DAY for number in range(terms.days_min)]
        needed = sum((day_price(terms, day)[0] for day in days), Decimal(0))
        is_charged = any(bill.start.date() == days[0] for bill in customer.bills)
        covered = is_charged or (
            customer.money >= needed and charge_day(customer, days[0])
        )
    decide(customer, now, covered=covered)


def pause(customer: Customer, now: datetime) -> None:
    stop(customer, "PAUSED", now)
    customer.paused = True


def resume(customer: Customer, now: datetime) -> None:
    activate(customer, now)
    decide(customer, now)


def log_in(customer: Customer, day: date) -> None:
    """Come in on a day that costs when it is used."""
    assert charge_day(customer, day)


def use(customer: Customer, start: datetime, minutes: int) -> None:
    """Use minutes of a hotspot that charges by the minute."""
    terms = customer.terms
    gross, vat = with_vat(rounded(terms.price * minutes), terms.vat, True)
    customer.money -= gross
    end = start + minutes * MINUTE
    customer.bills.append(Bill("session", start, end, gross, vat, gross))


def buy(customer: Customer, now: datetime) -> None:
    """Buy a hotspot package of so many days; what is left of the last is kept."""
    terms = customer.terms
    gross, vat = with_vat(terms.price, terms.vat, terms.inclusive)
    customer.money -= gross
    start = now
    for bill in customer.bills:
        if bill.kind == "package":
            start = max(start, bill.end)
    end = start + terms.days * DAY
    customer.bills.append(Bill("package", start, end, gross, vat, gross))
