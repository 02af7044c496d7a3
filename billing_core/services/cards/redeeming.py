"""Redeem a recharge card's PIN: once, whoever comes at the same moment.

A PIN opens money like a password does, so guessing is what this has to withstand: every
try is recorded and wrong ones are counted for the customer, his address and the
distributor, who are locked for longer and longer; unknown, used, void, expired and
inactive cards get one answer by the same statements. The PIN itself is in no log,
table, URL or message.

At a hotspot the login page posts the PIN to the portal, which calls this and then logs
the customer in with his own credentials: see docs/decisions/.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing_core import ledger
from billing_core.cards import (
    REFUSED,
    STRIKES,
    CardKeys,
    Guard,
    Outcome,
    pin_mac,
    read_pin,
    strike,
    subjects_of,
    why_refused,
)
from billing_core.db import card_tries as db
from billing_core.db.connect import Connection, in_transaction
from billing_core.db.customers import log_customer_event, read_customer
from billing_core.db.ledger import insert_payment, post
from billing_core.db.sessions import lock_wallets
from billing_core.errors import BillingError
from billing_core.kinds import HOTSPOT
from billing_core.services.arrival import money_came
from billing_core.services.purchases import buy_package


class CardCreditedError(BillingError):
    """The ledger has the money of a card that was not used: the books are wrong."""

    def __init__(self, serial: int) -> None:
        super().__init__(f"Card {serial} was credited before; see `khata audit`.")


@dataclass(frozen=True, slots=True)
class Tries:
    """Who tries a PIN, and from where."""

    customer_id: int
    actor: str
    #: None where there is none: at the operator's desk.
    client_address: str | None = None
    #: Who recharges for the customer, if he does not do it himself.
    distributor: str = ""


@dataclass(frozen=True, slots=True)
class Redemption:
    """What the one who tried may know: `outcome` is `unknown` for all refused cards."""

    outcome: Outcome
    serial: int | None = None
    amount: Decimal | None = None
    #: The package that the card is for.
    package: str | None = None
    #: Why the package was not bought: the money is in the wallet all the same.
    not_bought: str = ""
    locked_until: datetime | None = None

    @property
    def is_credited(self) -> bool:
        """Tell whether the money is in the wallet now."""
        return self.outcome == Outcome.CREDITED


#: One answer for everything that is the matter with a card.
_REFUSAL = Redemption(Outcome.UNKNOWN)


def redeem(
    conn: Connection, keys: CardKeys, typed: str, tries: Tries, *, now: datetime
) -> Redemption:
    """Put a card's money into the customer's wallet, or say no.

    1. lock what is remembered of who tries; a locked one ends here, his PIN unseen
    2. use the card, if it can be used: one statement, which only one of many wins
    3. credit: ledger entry, payment, the package if the card is for one; settle bills,
       restore service, extend running sessions
    4. or find out why not, and count it
    5. record the try
    """
    pin = read_pin(typed)

    def work() -> Redemption:
        subjects = subjects_of(
            tries.customer_id, tries.client_address, tries.distributor
        )
        guards = db.lock_guards(conn, subjects, now=now)
        until = [g.locked_until for g in guards if g.locked_until and g.is_locked(now)]
        if until:
            _record(conn, tries, Outcome.LOCKED, None, now)
            return Redemption(Outcome.LOCKED, locked_until=max(until))
        if pin is None:
            return _refuse(conn, tries, guards, Outcome.MISTYPED, None, now)
        macs = [pin_mac(key, pin) for key in keys]
        used = db.use_card(conn, macs, customer_id=tries.customer_id, now=now)
        if used is None:
            return _find_out(conn, tries, guards, macs, now)
        redemption = _credit(conn, tries, used, now)
        _record(conn, tries, Outcome.CREDITED, used.serial, now)
        return redemption

    return in_transaction(conn, work)


def _credit(
    conn: Connection, tries: Tries, used: db.UsedCard, now: datetime
) -> Redemption:
    """Put the card's money into the wallet and use it as it is meant.

    From now on its distributor owes it, less his commission.
    """
    customer_id, actor = tries.customer_id, tries.actor
    lock_wallets(conn, [customer_id])
    note = f"card {used.serial}"
    entry_id = post(
        conn,
        ledger.LedgerEntry(
            customer_id,
            "top_up",
            now,
            f"card:{used.serial}",
            actor,
            ledger.money_in_by_card(used.face_value, used.commission),
            note,
        ),
    )
    if entry_id is None:
        raise CardCreditedError(used.serial)
    insert_payment(
        conn,
        customer_id=customer_id,
        method="card",
        amount=used.face_value,
        received_at=now,
        operator=actor,
        note=note,
        entry_id=entry_id,
        fee=used.commission,
    )
    not_bought = _buy(conn, tries, used, now)
    money_came(conn, customer_id, now=now, actor=actor)
    told = f"{note}; {used.package} not bought: {not_bought}" if not_bought else note
    log_customer_event(
        conn, customer_id, at=now, actor=actor, what="card redeemed", note=told
    )
    return Redemption(
        Outcome.CREDITED, used.serial, used.face_value, used.package, not_bought
    )


def _buy(conn: Connection, tries: Tries, used: db.UsedCard, now: datetime) -> str:
    """Buy the package that the card is for; returns why not, or nothing.

    A card is never lost for it: the price may have risen, or the customer may have
    another kind of service, whose package a hotspot card must not replace.
    """
    if used.package is None:
        return ""
    customer = read_customer(conn, tries.customer_id)
    if customer.kind != HOTSPOT:
        return f"it is for hotspot customers, not {customer.kind}"
    try:
        buy_package(
            conn,
            customer.username,
            used.package,
            key=f"card:{used.serial}",
            actor=tries.actor,
            now=now,
        )
    except BillingError as error:
        return str(error)
    return ""


def _find_out(
    conn: Connection,
    tries: Tries,
    guards: Sequence[Guard],
    macs: Sequence[bytes],
    now: datetime,
) -> Redemption:
    """Find out for ourselves why a PIN was refused; the same work whatever it is."""
    card = db.read_refused_card(conn, macs, customer_id=tries.customer_id, now=now)
    outcome = why_refused(
        None if card is None else card.state,
        is_his=card is not None and card.is_his,
        is_expired=card is not None and card.is_expired,
    )
    serial = None if card is None else card.serial
    return _refuse(conn, tries, guards, outcome, serial, now)


def _refuse(
    conn: Connection,
    tries: Tries,
    guards: Sequence[Guard],
    outcome: Outcome,
    serial: int | None,
    now: datetime,
) -> Redemption:
    """Count and record a try that was wrong, and say no more of it than may be said."""
    weight = STRIKES.get(outcome, 0)
    for guard in guards:
        db.write_guard(conn, strike(guard, weight, now) if weight else guard)
    _record(conn, tries, outcome, serial, now)
    if outcome in REFUSED:
        return _REFUSAL
    return Redemption(outcome, serial)


def _record(
    conn: Connection,
    tries: Tries,
    outcome: Outcome,
    serial: int | None,
    now: datetime,
) -> None:
    db.insert_try(
        conn,
        customer_id=tries.customer_id,
        at=now,
        actor=tries.actor,
        client_address=tries.client_address,
        distributor=tries.distributor,
        outcome=outcome,
        serial=serial,
    )
