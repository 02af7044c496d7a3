"""What the *simulated* bKash knows: tokens, payments, refunds; and how they change."""

import secrets
import string
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from urllib.parse import urlencode

from simulators.gateways.common import (
    Clock,
    Faults,
    Silence,
    lost_in_process,
    wall_clock,
)

#: bKash's own test wallets.
WALLET = "01770618575"
WALLET_WITHOUT_MONEY = "01823074817"
WALLET_WITH_DEBIT_BLOCK = "01823074818"

#: What can be made to go wrong, named by our invoice number or bKash's paymentID.
FAULTS = {
    "create_times_out": "opens the checkout and never answers",
    "create_503": "maintenance: opens nothing",
    "create_says_other_amount": "opens a checkout for one taka more",
    "execute_times_out": "captures the money and never answers",
    "execute_never_arrives": "captures nothing and never answers",
    "execute_504": "captures the money; the gateway in front gives up",
    "execute_empty": "captures the money and answers nothing",
    "execute_html": "captures the money and answers a page",
    "execute_9999": "captures nothing: System Error",
    "execute_9999_captured": "captures the money and says System Error",
    "execute_error_shape": "captures the money and says errorCode 503",
    "execute_authorized": "says Authorized instead of Completed",
    "second_execute_2117": "says 2117 instead of 2062 to a second execute",
    "second_execute_2056": "says 2056 instead of 2062 to a second execute",
    "query_times_out": "never answers a query",
    "query_9999": "says System Error to a query",
    "query_user_spelling": "userVerificationStatus and merchantInvoiceNumber",
    "query_without_verification": "does not say whether the customer confirmed",
    "numbers_as_json": "tells amounts as JSON numbers",
    "other_amount": "tells one taka less than was ordered",
    "other_currency": "tells USD",
    "other_invoice": "tells another invoice number",
    "other_payment": "tells another paymentID",
    "no_amount": "does not tell the amount",
    "trx_id_reused": "tells the trxID of an earlier payment",
    "trx_id_missing": "tells Completed without a trxID",
    "callback_twice": "sends the browser back twice",
    "callback_never": "the browser is closed before it is sent back",
    "failure_callback_after_success": "sends back success, then failure",
    "refund_times_out": "gives the money back and never answers",
    "refund_processing": "has not finished the refund yet",
    "unauthorized": "does not accept the token",
    "refresh_fails": "refuses to refresh a token",
    "refresh_keeps_its_token": "gives no new refresh token",
    "expires_in_text": "tells expires_in as text",
}

_DHAKA = timezone(timedelta(hours=6))
_LETTERS = string.digits + string.ascii_uppercase


@dataclass(slots=True)
class Refund:
    """Money that went back."""

    trx_id: str
    amount: Decimal
    at: datetime
    sku: str
    reason: str
    is_completed: bool = True


@dataclass(slots=True)
class Payment:
    """One checkout."""

    payment_id: str
    invoice: str
    payer_reference: str
    amount: Decimal
    callback_url: str
    created_at: datetime
    #: Initiated, Confirmed (by the customer), Completed, Cancelled or Failed.
    state: str = "Initiated"
    wallet: str = ""
    trx_id: str = ""
    executed_at: datetime | None = None
    refunds: list[Refund] = field(default_factory=list)

    @property
    def refundable(self) -> Decimal:
        """Tell what of it has not gone back."""
        return self.amount - sum((r.amount for r in self.refunds), Decimal())


@dataclass(slots=True)
class BkashState:
    """One merchant's bKash; everything in it may be looked at by a test."""

    clock: Clock = wall_clock
    silence: Silence = lost_in_process
    username: str = "simulated-merchant"
    password: str = "simulated-password"  # noqa: S105 - opens nothing but this
    app_key: str = "simulated-app-key"
    app_secret: str = "simulated-app-secret"  # noqa: S105 - opens nothing but this
    short_code: str = "01929918378"
    #: None = the token is taken with and without "Bearer ".
    auth_scheme: str | None = None
    token_seconds: int = 3600
    refund_days: int = 15
    faults: Faults = field(default_factory=lambda: Faults(FAULTS))
    payments: dict[str, Payment] = field(default_factory=dict)
    #: How often each call came, by its name.
    calls: Counter[str] = field(default_factory=Counter)
    grants: list[datetime] = field(default_factory=list)
    tokens: dict[str, datetime] = field(default_factory=dict)
    refresh_tokens: set[str] = field(default_factory=set)
    lock: threading.RLock = field(default_factory=threading.RLock)
    #: Ids are made of it, counting: the same run gives the same ids.
    number: int = 0

    def new_token(self) -> tuple[str, str]:
        """Give (id_token, refresh_token), both unguessable as in life."""
        token, refresh = f"jwt.{secrets.token_hex(24)}", secrets.token_hex(24)
        self.tokens[token] = self.clock() + timedelta(seconds=self.token_seconds)
        self.refresh_tokens.add(refresh)
        return token, refresh

    def revoke_tokens(self) -> None:
        """Let no token be good any more, whatever it said of its end."""
        with self.lock:
            self.tokens.clear()

    def grants_within_an_hour(self) -> int:
        """Count the grants of the last hour: bKash wants two at most."""
        since = self.clock() - timedelta(hours=1)
        return sum(at > since for at in self.grants)

    def open(self, order: Mapping[str, str]) -> Payment:
        """Open a checkout."""
        with self.lock:
            payment = Payment(
                payment_id=f"TR0011{self._next_id(14)}",
                invoice=order["merchantInvoiceNumber"],
                payer_reference=order["payerReference"],
                amount=Decimal(order["amount"]),
                callback_url=order["callbackURL"],
                created_at=self.clock(),
            )
            self.payments[payment.payment_id] = payment
            return payment

    def payment_of(self, name: str) -> Payment:
        """Find a payment by its paymentID, invoice number or trxID."""
        with self.lock:
            for payment in self.payments.values():
                if name in (payment.payment_id, payment.invoice, payment.trx_id):
                    return payment
        raise KeyError(name)

    def customer_pays(self, name: str, wallet: str = WALLET) -> list[str]:
        """Confirm with PIN; give the addresses that the browser is sent to."""
        payment = self.payment_of(name)
        with self.lock:
            if payment.state == "Initiated":
                payment.state, payment.wallet = "Confirmed", wallet
        addresses = [self._back(payment, "success")]
        if self._strikes("callback_never", payment):
            return []
        if self._strikes("callback_twice", payment):
            addresses *= 2
        if self._strikes("failure_callback_after_success", payment):
            addresses.append(self._back(payment, "failure"))
        return addresses

    def customer_cancels(self, name: str) -> list[str]:
        """Give up on the page."""
        return self._end(name, "Cancelled", "cancel")

    def customer_fails(self, name: str) -> list[str]:
        """Get the PIN wrong too often."""
        return self._end(name, "Failed", "failure")

    def capture(self, payment: Payment) -> None:
        """Move the money."""
        with self.lock:
            payment.state, payment.trx_id = "Completed", self._trx_id()
            payment.executed_at = self.clock()

    def give_back(
        self, payment: Payment, amount: Decimal, sku: str, reason: str
    ) -> Refund:
        """Move money back."""
        with self.lock:
            done = not self._strikes("refund_processing", payment)
            refund = Refund(self._trx_id(), amount, self.clock(), sku, reason, done)
            payment.refunds.append(refund)
            return refund

    def pay_to_wallet(self, amount: Decimal, wallet: str = WALLET) -> str:
        """Pay in bKash's app, without any checkout; give the trxID."""
        order = {
            "merchantInvoiceNumber": "",
            "payerReference": "",
            "amount": str(amount),
            "callbackURL": "",
        }
        payment = self.open(order)
        payment.wallet = wallet
        self.capture(payment)
        return payment.trx_id

    def _strikes(self, fault: str, payment: Payment) -> bool:
        return self.faults.strikes(fault, payment.invoice, payment.payment_id)

    def _end(self, name: str, state: str, claims: str) -> list[str]:
        payment = self.payment_of(name)
        with self.lock:
            if payment.state == "Initiated":
                payment.state = state
        return [self._back(payment, claims)]

    def _back(self, payment: Payment, status: str) -> str:
        joint = "&" if "?" in payment.callback_url else "?"
        added = {
            "paymentID": payment.payment_id,
            "status": status,
            "signature": "simulated",
            "apiVersion": "1.2.0-beta",
        }
        return f"{payment.callback_url}{joint}{urlencode(added)}"

    def _trx_id(self) -> str:
        return f"6H{self._next_id(8)}"

    def _next_id(self, length: int) -> str:
        self.number += 1
        number, text = self.number * 7_919, ""
        for _ in range(length):
            number, digit = divmod(number, len(_LETTERS))
            text = _LETTERS[digit] + text
        return text


def as_bkash_writes(at: datetime) -> str:
    """Write a time as bKash does: a colon before the milliseconds."""
    local = at.astimezone(_DHAKA)
    return f"{local:%Y-%m-%dT%H:%M:%S}:{local.microsecond // 1000:03d} GMT+0600"
