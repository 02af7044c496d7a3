"""The simulated SSLCommerz: stores, sessions, tries to pay, refunds, and what it says.

A session belongs to a tran_id, and under one tran_id several tries may stand. The
first validation of a paid one says VALID, each later one VALIDATED.
"""

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from billing_core.money import round_money
from simulators.gateways.common import (
    Clock,
    Faults,
    Silence,
    SteppedClock,
    lost_in_process,
)
from simulators.gateways.sslcommerz.ipn import Ipn, Post, post_soon, signed

#: What can be made to go wrong; "lost" = it happens, and the answer never comes.
FAULTS = (
    "create_lost",
    "create_500",
    "create_html",
    "validate_lost",
    "validate_500",
    "validate_html",
    "validate_empty",
    "query_lost",
    "store_inactive",
    "pending",
    "invalid_transaction",
    "risk",
    "amount_less",
    "currency_usd",
    "discount",
    "settled_usd",
    "no_store_amount",
    "no_bank_tran_id",
    "numbers_as_json",
    "another_tran_id",
    "pays_twice",
    "no_ipn",
    "ipn_twice",
    "ipn_after",
    "ipn_bad_signature",
    "ipn_failed_after",
    "no_return",
    "refund_lost",
    "refund_failed",
    "refund_processing",
    "refund_cancelled",
)

#: The one store that it knows when not told others.
STORES = {"exampleshop": "example-store-password"}
_DHAKA = ZoneInfo("Asia/Dhaka")
_FEE_PERCENT = Decimal("2.5")
_SOON_SECONDS = 0.5
_CARD = {
    "card_type": "VISA-Dutch Bangla",
    "card_no": "418117XXXXXX6675",
    "card_issuer": "TRUST BANK, LTD.",
    "card_brand": "VISA",
    "card_issuer_country": "Bangladesh",
    "card_issuer_country_code": "BD",
}
PAID = ("VALID", "VALIDATED")


@dataclass
class Try:
    """One try to pay: a card, a wallet, or giving up."""

    status: str
    at: datetime
    val_id: str = ""
    bank_tran_id: str = ""
    error: str = ""
    is_validated: bool = False


@dataclass
class Session:
    """One opened checkout: the form that opened it and what was tried."""

    key: str
    form: dict[str, str]
    tries: list[Try] = field(default_factory=list)

    @property
    def tran_id(self) -> str:
        """Name the shop's order."""
        return self.form["tran_id"]

    @property
    def is_paid(self) -> bool:
        """Tell whether any try moved money."""
        return any(one.status in PAID for one in self.tries)


@dataclass
class Refund:
    """Money on its way back."""

    ref_id: str
    refund_trans_id: str
    bank_tran_id: str
    amount: Decimal
    at: datetime


class SslcommerzState:
    """Everything that the simulated gateway knows; safe to use from several threads."""

    def __init__(
        self,
        stores: Mapping[str, str] = STORES,
        *,
        clock: Clock | None = None,
        post: Post | None = None,
        silence: Silence = lost_in_process,
    ) -> None:
        self.stores = dict(stores)
        self.clock: Clock = clock or SteppedClock()
        self.faults = Faults(FAULTS)
        self.silence = silence
        self.sessions: dict[str, Session] = {}
        self.refunds: dict[str, Refund] = {}
        #: Each request that came, as (what, tran_id or val_id).
        self.asked: list[tuple[str, str]] = []
        #: Each IPN that left; without ``post`` they only stand here.
        self.ipns: list[Ipn] = []
        self.lock = threading.RLock()
        self._post = post
        self._made = 0

    def open(self, form: Mapping[str, str]) -> Session:
        """Open a session for a form that was checked."""
        with self.lock:
            session = Session(self.new_id("S", 20).upper(), dict(form))
            self.sessions[session.key] = session
            return session

    def new_id(self, kind: str, length: int = 15) -> str:
        """Make an id as theirs look: the time, then letters and digits."""
        with self.lock:
            self._made += 1
            seed = f"{kind} {self.clock().isoformat()} {self._made}"
        return f"{self._local():%y%m%d%H%M%S}" + _letters(seed, length)

    def pay(self, session: Session) -> Try:
        """Move money: the customer got through."""
        return self._try(
            session,
            Try("VALID", self.clock(), self.new_id("val"), self.new_id("bank")),
        )

    def fail(self, session: Session, error: str = "Card declined by issuer") -> Try:
        """Let a try fail; the customer may try again."""
        return self._try(session, Try("FAILED", self.clock(), error=error))

    def cancel(self, session: Session) -> Try:
        """Let the customer give up."""
        return self._try(
            session, Try("CANCELLED", self.clock(), error="Cancelled by User")
        )

    def fields(self, session: Session, one: Try) -> dict[str, str]:
        """Tell of a try as answers and notifications do, faults and all."""

        def strikes(fault: str) -> bool:
            return self.faults.strikes(fault, session.tran_id, session.key)

        is_paid, is_risky = one.status in PAID, strikes("risk")
        told = {
            "status": one.status,
            "tran_date": self.civil(one.at),
            "tran_id": session.tran_id,
            "val_id": one.val_id,
            **_amounts(
                Decimal(session.form["total_amount"]),
                is_less=strikes("amount_less"),
                is_discounted=strikes("discount"),
            ),
            "currency": "USD" if strikes("settled_usd") else "BDT",
            "bank_tran_id": "" if strikes("no_bank_tran_id") else one.bank_tran_id,
            **(_CARD if is_paid else dict.fromkeys(_CARD, "")),
            "currency_type": "USD" if strikes("currency_usd") else "BDT",
            "currency_rate": "1.0000",
            "base_fair": "0.00",
            **{f"value_{x}": session.form.get(f"value_{x}", "") for x in "abcd"},
            "risk_level": "1" if is_risky else "0",
            "risk_title": "Highest" if is_risky else "Safe",
        }
        if not is_paid or strikes("no_store_amount"):
            told["store_amount"] = ""
        return told

    def posted(self, session: Session, one: Try) -> dict[str, str]:
        """Tell of a try as its form is posted: signed, and no sessionkey in it."""
        told = self.fields(session, one)
        told |= {"store_id": session.form["store_id"], "error": one.error}
        for name in ("discount_percentage", "discount_remarks"):
            del told[name]
        if one.status not in PAID:
            # What was not paid has fewer fields.
            for name in _CARD:
                del told[name]
        return signed(told, self.stores[session.form["store_id"]])

    def notify(self, session: Session, one: Try) -> None:
        """Send the IPN of a try, as its knobs say."""
        strikes = self.faults.strikes
        url, name = session.form.get("ipn_url", ""), session.tran_id
        if not url or strikes("no_ipn", name):
            return
        form = self.posted(session, one)
        if strikes("ipn_bad_signature", name):
            form |= {"verify_sign": "0" * 32, "verify_sign_sha2": "0" * 64}
        late = strikes("ipn_after", name)
        self.send(Ipn(url, form), late=late)
        if strikes("ipn_twice", name):
            self.send(Ipn(url, form), late=late)
        if strikes("ipn_failed_after", name):
            failed = Try("FAILED", self.clock(), error="Card declined by issuer")
            self.send(Ipn(url, self.posted(session, failed)), late=late)

    def send(self, ipn: Ipn, *, late: bool = False) -> None:
        """Post an IPN, now or after the answer that is being given."""
        with self.lock:
            self.ipns.append(ipn)
        if self._post is not None and late:
            post_soon(self._post, ipn, _SOON_SECONDS)
        elif self._post is not None:
            self._post(ipn)

    def of_tran_id(self, store_id: str, tran_id: str) -> list[Session]:
        """List a store's sessions of an order."""
        return [
            one
            for one in self.sessions.values()
            if one.tran_id == tran_id and one.form["store_id"] == store_id
        ]

    def paid_try(
        self, store_id: str, *, val_id: str = "", bank_tran_id: str = ""
    ) -> tuple[Session, Try] | None:
        """Find money of a store by one of its ids; another store's is not found."""
        for session in self.sessions.values():
            for one in session.tries:
                is_it = (
                    one.val_id == val_id if val_id else one.bank_tran_id == bank_tran_id
                )
                if one.val_id and is_it and session.form["store_id"] == store_id:
                    return session, one
        return None

    def civil(self, at: datetime) -> str:
        """Write a time as they do: civil, in Dhaka, and without saying so."""
        return f"{at.astimezone(_DHAKA):%Y-%m-%d %H:%M:%S}"

    def _local(self) -> datetime:
        return self.clock().astimezone(_DHAKA)

    def _try(self, session: Session, one: Try) -> Try:
        with self.lock:
            session.tries.append(one)
            return one


def _amounts(asked: Decimal, *, is_less: bool, is_discounted: bool) -> dict[str, str]:
    """Tell what was asked for, what was paid of it and what the shop will get."""
    if is_less:
        asked -= Decimal("0.01")
    paid = round_money(asked * Decimal("0.95")) if is_discounted else asked
    kept = paid - round_money(paid * _FEE_PERCENT / 100)
    return {
        "amount": f"{paid:.2f}",
        "store_amount": f"{kept:.2f}",
        "currency_amount": f"{asked:.2f}",
        "discount_percentage": "5.00" if is_discounted else "0.00",
        "discount_remarks": "Campaign" if is_discounted else "",
    }


def _letters(seed: str, length: int) -> str:
    return hashlib.sha256(seed.encode()).hexdigest()[:length]
