"""What every payment gateway does for us, and the words it answers in.

A gateway's module speaks its API and nothing else: it knows no database and no ledger,
decides nothing about money, and turns each answer into these records. A fourth gateway
is one more module that fulfils ``Gateway``, and one line in registry.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol, runtime_checkable

from billing_core.errors import BillingError

#: Gives (value, label) of a setting, or nothing; the label is how an error names it.
Find = Callable[[str], tuple[str, str] | None]


class GatewayError(BillingError):
    """A gateway did not do what was asked; the text holds no secret."""


class GatewayRefusedError(GatewayError):
    """It understood and said no: nothing was paid, nothing was given back.

    ``ours`` is True where the installation is at fault (credentials, callback address,
    limits of the account): a person of the provider must act, not the customer.
    """

    def __init__(self, text: str, *, code: str = "", ours: bool = False) -> None:
        super().__init__(text)
        self.code = code
        self.ours = ours


class GatewayUnknownError(GatewayError):
    """Nobody knows: timeout, 5xx, no JSON, "system error". Unknown is not failed.

    ``payment_id`` is the checkout's id where the gateway gave one before it fell silent
    (Nagad opens a checkout in two steps): kept, the gateway can be asked by it.
    """

    def __init__(self, text: str, *, payment_id: str | None = None) -> None:
        super().__init__(text)
        self.payment_id = payment_id


class GatewaySettingError(GatewayError):
    """A setting of a gateway is missing or wrong; the text names it, and no secret."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a customer is about to pay; frozen in our row before this is sent."""

    #: Ours: 20 letters and digits, unguessable, new for each attempt.
    reference: str
    amount: Decimal
    #: ISO 4217, upper case.
    currency: str
    #: Shown to the customer by the gateway: no more than he may see anyway.
    description: str
    customer_name: str
    #: May be empty: then the gateway gets an opaque value where it wants one.
    mobile: str
    mail: str
    #: Where his browser comes back to, and where the gateway's server calls (if it
    #: does): absolute https addresses (http on loopback only).
    return_url: str
    notify_url: str
    #: The customer's address as our web server saw it (Nagad wants an IPv4).
    client_address: str


@dataclass(frozen=True, slots=True)
class Checkout:
    """The gateway took the order: the customer pays at this page."""

    #: The gateway's id of this checkout; with it the gateway is asked later.
    payment_id: str
    url: str
    #: Its answer without secrets, as JSON can hold it.
    answer: Mapping[str, object]


class PaidState(StrEnum):
    """What an authenticated answer says of one checkout."""

    #: Money moved.
    PAID = "paid"
    #: Not finished: the customer may still pay.
    WAITING = "waiting"
    #: Finished, and nothing was paid.
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class TransactionId:
    """One id that money has at the gateway; the same id is the same money."""

    #: trx_id, issuer_ref, val_id, bank_tran_id.
    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Asked:
    """Our row, as a gateway needs it to be asked about."""

    reference: str
    payment_id: str | None
    amount: Decimal
    currency: str
    created_at: datetime
    #: The val_id of a hint that named this attempt (SSLCommerz), never trusted itself.
    hint_id: str | None = None
    #: True where the customer came back saying "success": bKash may then capture.
    customer_finished: bool = False
    #: True where it was asked so before: bKash may have captured then, and is asked
    #: before it captures again.
    capture_tried: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """An authenticated server-to-server answer about one checkout.

    What the gateway said, not what we hoped: a field that the API does not carry is
    None and is not compared; a field that the answer should carry and does not is "".
    """

    state: PaidState
    #: Our reference as the gateway has it.
    reference: str | None
    payment_id: str | None
    #: The account that was paid (merchant or store id); None = the API does not say.
    #: ``merchant_expected`` is the configured one.
    merchant: str | None
    merchant_expected: str | None
    amount: Decimal | None
    #: ISO 4217; None = the API does not say (Nagad: the request was signed in BDT).
    currency: str | None
    transactions: tuple[TransactionId, ...]
    #: What the gateway keeps of it, where it says so (SSLCommerz store_amount).
    fee: Decimal | None
    paid_at: datetime | None
    #: Who paid, as the gateway shows it (masked number, wallet).
    payer: str
    #: Why a person has to look although it is paid ("risk: ...", "paid twice: ...").
    flags: tuple[str, ...]
    #: The gateway's own words when not paid.
    reason: str
    #: The answer without secrets, as JSON can hold it: what the operator sees.
    raw: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class CallbackRequest:
    """A browser coming back or a server calling: anybody can send this."""

    query: Mapping[str, str]
    form: Mapping[str, str]
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Hint:
    """What a callback claims: enough to find our row and to ask, never to believe."""

    #: One of these finds the attempt; both empty = it names none.
    reference: str | None
    payment_id: str | None
    #: "success", "failed", "cancelled" or "": what it says happened.
    claims: str
    #: val_id (SSLCommerz), trxID (bKash webhook).
    transaction_id: str | None = None
    #: False = a signature that should be right is not; the gateway is still asked.
    signature_is_right: bool | None = None
    #: What a rightly signed notice tells of money that moved, whoever it is of: enough
    #: for a person to decide on if it is no attempt's, never to credit by itself.
    money: Answer | None = None


class RefundState(StrEnum):
    """How far a refund is."""

    DONE = "done"
    PROCESSING = "processing"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """Give back some or all of a payment that the gateway took."""

    #: Ours, new for each refund.
    refund_reference: str
    #: Of the attempt that is given back.
    reference: str
    payment_id: str
    transactions: tuple[TransactionId, ...]
    paid_amount: Decimal
    paid_at: datetime
    amount: Decimal
    currency: str
    reason: str
    #: The gateway's id of this refund, once it gave one.
    gateway_refund_id: str | None = None
    #: The gateway's ids of this payment's other refunds: an answer about one of those
    #: is none about this (bKash keeps no id of ours).
    other_refund_ids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RefundAnswer:
    """What the gateway says of a refund."""

    state: RefundState
    gateway_refund_id: str | None
    amount: Decimal | None
    reason: str
    raw: Mapping[str, object]


class Gateway(Protocol):
    """One payment gateway. Every call may raise GatewayUnknownError.

    Calls wait no longer than 10 s to connect and 30 s for an answer. ``now`` is the
    only clock. No text of an error or a record holds a secret.
    """

    @property
    def name(self) -> str:
        """Name it as payment_attempt.gateway does."""
        ...

    def create(self, order: Order, *, now: datetime) -> Checkout:
        """Open a checkout; GatewayRefusedError if it will not."""
        ...

    def ask(self, asked: Asked, *, now: datetime) -> Answer:
        """Ask what became of a checkout; where the API wants it, capture it first.

        GatewayRefusedError only where the gateway says that it knows no such checkout
        or that our own account is at fault.
        """
        ...

    def read_callback(self, request: CallbackRequest) -> Hint:
        """Read what a return or notification claims; never asks anybody."""
        ...

    def refund(self, order: RefundOrder, *, now: datetime) -> RefundAnswer:
        """Give money back once; after GatewayUnknownError ask, never repeat."""
        ...

    def ask_refund(self, order: RefundOrder, *, now: datetime) -> RefundAnswer:
        """Ask what became of a refund."""
        ...


@runtime_checkable
class MoneyFinder(Protocol):
    """A gateway that tells of money by its id, also of what no checkout brought."""

    @property
    def name(self) -> str:
        """Name it as gateway_transaction.gateway does."""
        ...

    def search(self, transaction_id: str, *, now: datetime) -> Answer:
        """Ask what money this id is; FAILED = it knows none such of ours."""
        ...
