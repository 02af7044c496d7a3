"""Queue what customers are to be told; a worker sends it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from billing_core import reminders
from billing_core.db import messages as db
from billing_core.db.closing import read_day_prices
from billing_core.db.connect import Connection
from billing_core.messages import Locality, write_message
from billing_core.reminders import Event, ReminderPolicy
from billing_core.service_days import day_charge, service_date

# Messages a transaction.
_CHUNK = 2000
_DAY = timedelta(days=1)


def queue_reminders(conn: Connection, now: datetime, *, chunk: int = _CHUNK) -> int:
    """Queue every reminder that is due; returns how many are new.

    Chunk by chunk, each one transaction: find what was not told (by the database), see
    that it is due (pure), write the messages. Killed at any point and run again, it
    tells what is missing; two at once tell each thing once, by a unique key.
    """
    policy, locality = db.read_policy(conn)
    if not policy.channels:
        return 0
    total = 0
    for found in _find_all(conn, policy, locality, now, chunk):
        if found:
            # One statement; alone it is its own transaction.
            total += db.insert_messages(conn, found, now)
    return total


def queue_service_news(
    conn: Connection,
    event: Event,
    reasons: Sequence[tuple[int, str]],
    *,
    now: datetime,
) -> int:
    """Queue news of suspended or restored service, in the transaction that changes it.

    Of each (customer_id, reason); at any hour, since it is felt at any hour.
    """
    policy, locality = db.read_policy(conn)
    if not policy.channels:
        return 0
    reason_of = dict(reasons)
    found = [
        _message(
            one.contact,
            event,
            now.isoformat(),
            {
                "reason": reason_of[one.contact.customer_id],
                "due": one.due,
                "available": one.available,
            },
            locality,
        )
        for one in db.read_contacts(conn, list(reason_of), policy.channels)
    ]
    return db.insert_messages(conn, found, now) if found else 0


def _find_all(
    conn: Connection,
    policy: ReminderPolicy,
    locality: Locality,
    now: datetime,
    chunk: int,
) -> Iterator[list[db.NewMessage]]:
    """Yield chunks of all messages that are due now."""
    is_waking = reminders.is_waking_hour(now, locality.zone, policy)
    if is_waking:
        yield from _find_bills(conn, policy, locality, now, chunk)
        yield from _find_wallets(conn, policy, locality, now, chunk)
    until = now + timedelta(days=policy.expiring_days)
    for packages in db.find_packages_ending(
        conn, now=now, until=until, channels=policy.channels, chunk=chunk
    ):
        yield [
            message
            for one in packages
            for message in _package_messages(one, policy, locality, now)
            # Who uses up his data is awake.
            if is_waking or message.event == Event.DATA_80
        ]


def _find_bills(
    conn: Connection,
    policy: ReminderPolicy,
    locality: Locality,
    now: datetime,
    chunk: int,
) -> Iterator[list[db.NewMessage]]:
    soon = now + timedelta(days=policy.due_soon_days)
    channels = policy.channels
    issued = db.find_bills_issued(
        conn,
        since=now - reminders.BILL_NEWS_FOR,
        until=now,
        channels=channels,
        chunk=chunk,
    )
    yield from _bill_messages(issued, Event.BILL_ISSUED, policy, locality, now)
    due = db.find_bills_due(
        conn, Event.DUE_SOON, since=now, until=soon, channels=channels, chunk=chunk
    )
    yield from _bill_messages(due, Event.DUE_SOON, policy, locality, now)
    overdue = db.find_bills_due(
        conn,
        Event.OVERDUE,
        since=now - reminders.OVERDUE_NEWS_FOR,
        until=now,
        channels=channels,
        chunk=chunk,
    )
    yield from _bill_messages(overdue, Event.OVERDUE, policy, locality, now)


def _bill_messages(
    chunks: Iterable[list[db.BillToTell]],
    event: Event,
    policy: ReminderPolicy,
    locality: Locality,
    now: datetime,
) -> Iterator[list[db.NewMessage]]:
    for found in chunks:
        yield [
            _message(
                one.contact,
                event,
                reminders.bill_subject(one.bill),
                _bill_words(one, now),
                locality,
            )
            for one in found
            if event in reminders.bill_events(one.bill, policy, now)
        ]


def _bill_words(one: db.BillToTell, now: datetime) -> dict[str, object]:
    will_stop = one.suspend_at is not None and one.suspend_at > now
    return {
        "number": one.number,
        "gross": one.bill.gross,
        "open_amount": one.bill.open_amount,
        "due_at": one.bill.due_at,
        "period_start": one.period_start,
        "period_end": one.period_end,
        # Nobody is told of a stop that passed him by: he has a hold, or is suspended.
        "suspend_at": one.suspend_at if will_stop else None,
    }


def _find_wallets(
    conn: Connection,
    policy: ReminderPolicy,
    locality: Locality,
    now: datetime,
    chunk: int,
) -> Iterator[list[db.NewMessage]]:
    next_day = service_date(now, locality.zone) + _DAY
    prices = read_day_prices(conn, db.read_daily_packages(conn))
    for found in db.find_wallets_low(
        conn,
        day_prices={
            package_id: day_charge(price, next_day).gross
            for package_id, (_, price) in prices.items()
        },
        next_day=next_day.isoformat(),
        balance_low=policy.balance_low,
        payments_since=now - reminders.TOP_UP_NEWS_FOR,
        channels=policy.channels,
        chunk=chunk,
    ):
        yield [
            _message(
                one.contact,
                Event.BALANCE_LOW,
                subject,
                {
                    "available": one.wallet.available,
                    "next_day_price": _unpaid_price(one.wallet),
                    "package": one.package,
                },
                locality,
            )
            for one in found
            if (subject := reminders.balance_subject(one.wallet, policy))
        ]


def _unpaid_price(wallet: reminders.BalanceFacts) -> Decimal | None:
    price = wallet.next_day_price
    return price if price is not None and wallet.available < price else None


def _package_messages(
    one: db.PackageToTell, policy: ReminderPolicy, locality: Locality, now: datetime
) -> Iterator[db.NewMessage]:
    subjects = reminders.package_subjects(one.facts, policy, now)
    for event, subject in subjects.items():
        if f"{event} {subject}" in one.told:
            continue
        allowed = one.facts.octets_allowed
        words = {
            "package": one.package,
            "valid_until": one.facts.valid_until,
            "percent": one.facts.octets_used * 100 // allowed if allowed else 0,
        }
        yield _message(one.contact, event, subject, words, locality)


def _message(
    contact: db.Contact,
    event: Event,
    subject: str,
    words: Mapping[str, object],
    locality: Locality,
) -> db.NewMessage:
    facts = {"name": contact.name or contact.username, **words}
    text = write_message(
        event.value, contact.channel, contact.language, facts, locality
    )
    return db.NewMessage(
        contact.customer_id,
        event.value,
        subject,
        contact.channel,
        contact.recipient,
        contact.language,
        text.title,
        text.body,
    )
