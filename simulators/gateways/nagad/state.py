"""What the simulated Nagad knows: its merchant, its orders, what is to go wrong."""

import base64
import secrets
import threading
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric import rsa

from simulators.gateways.common import (
    Clock,
    Faults,
    Silence,
    lost_in_process,
    wall_clock,
)
from simulators.gateways.nagad.sealing import (
    AccountKeys,
    new_keys,
    private_text,
    public_text,
)

DHAKA = ZoneInfo("Asia/Dhaka")

#: What can be made to go wrong, named by our order's number or Nagad's reference.
FAULTS = {
    "bad_signature": "signs another text than the one it encrypts",
    "other_key": "signs with another key",
    "sha1": "signs with SHA-1",
    "garbage": "encrypts for another key",
    "firewall": "the firewall's page instead of an answer",
    "null": "answers null",
    "server_error": "answers HTTP 500",
    "system_error": "answers System Error at HTTP 200",
    "silent_initialize": "takes the order and never answers",
    "silent_complete": "takes the amount and never answers",
    "silent_verify": "never answers verify",
    "silent_refund": "gives the money back and never answers",
    "skewed_clock": "its clock is an hour ahead",
    "other_order": "answers with the reference of another order",
    "plain_page": "gives a page without TLS",
    "short_amount": "tells one taka less than was ordered",
    "number_amount": "tells the amount as a JSON number",
    "other_merchant": "tells another merchant",
    "other_order_verified": "tells another order",
    "reused_issuer_ref": "tells the same issuerPaymentRefNo for each payment",
    "no_issuer_ref": "tells Success without issuerPaymentRefNo",
    "odd_status_code": "tells Success with another status code",
    "odd_status": "tells a status that nobody knows",
    "shuffled_callback": "the browser brings the fields in another order",
    "bare_callback": "the browser brings = and + as they are",
    "success_unpaid": "the browser says Success, nothing was paid",
    "failure_after_success": "paid, and the browser says Failed",
    "no_callback": "the browser is closed before it is sent back",
}


class Status(StrEnum):
    """How far an order is."""

    ORDER_INITIATED = "OrderInitiated"
    READY = "Ready"
    IN_PROGRESS = "InProgress"
    SUCCESS = "Success"
    ABORTED = "Aborted"
    CANCELLED = "Cancelled"
    PARTIAL_CANCELLED = "PartialCancelled"
    FAILED = "Failed"


@dataclass(slots=True)
class SimulatedOrder:
    """One order of the merchant."""

    order_id: str
    payment_id: str
    challenge: str
    opened_at: datetime
    status: Status = Status.ORDER_INITIATED
    amount: Decimal = Decimal(0)
    callback_url: str = ""
    #: What the merchant wanted shown, as the JSON text that verify gives back.
    merchant_info: str | None = None
    payer: str = ""
    issuer_ref: str = ""
    paid_at: datetime | None = None
    given_back: Decimal = Decimal(0)
    cancel_ref: str = ""
    cancelled_at: datetime | None = None
    refund_references: set[str] = field(default_factory=set)

    @property
    def can_be_paid(self) -> bool:
        """Tell whether the customer's page still takes money."""
        return self.status in (Status.READY, Status.IN_PROGRESS)


class NagadState:
    """One merchant's account at the simulated Nagad.

    It makes both key pairs, as the portal does, and shows the two texts that the
    merchant needs.
    """

    def __init__(
        self,
        *,
        merchant_id: str = "683000000000001",
        clock: Clock = wall_clock,
        keys: AccountKeys | None = None,
        silence: Silence = lost_in_process,
        number: int = 0,
    ) -> None:
        self.merchant_id = merchant_id
        #: Orders are refused whose datetime is five minutes off.
        self.clock = clock
        self.silence = silence
        self.faults = Faults(FAULTS)
        #: Of requests, SHA256 or SHA1: how the merchant's account is set up.
        self.signature_hash = "SHA256"
        self.lock = threading.RLock()
        self.keys = keys or new_keys()
        self._orders: dict[str, SimulatedOrder] = {}
        #: Of the last movement of money: no two are the same.
        self._numbers = number
        #: What the merchant sent to initialize: unguessable, and never the same twice.
        self.challenges: list[str] = []
        #: Every request of the API: (method, path, headers).
        self.requests: list[tuple[str, str, dict[str, str]]] = []

    @property
    def merchant_private_key(self) -> str:
        """Give the merchant's private key, as the portal shows it once."""
        return private_text(self.keys.merchant)

    @property
    def gateway_public_key(self) -> str:
        """Give the payment gateway's public key, as the portal shows it."""
        return public_text(self.keys.gateway)

    @property
    def merchant_public(self) -> rsa.RSAPublicKey:
        """Give what the merchant's signatures are checked with."""
        return self.keys.merchant.public_key()

    def settings(self, base_url: str) -> dict[str, str]:
        """Give the settings that connect Khata to this account, by their names."""
        return {
            "nagad_base_url": base_url,
            "nagad_merchant_id": self.merchant_id,
            "nagad_merchant_private_key": self.merchant_private_key,
            "nagad_gateway_public_key": self.gateway_public_key,
            "nagad_signature_hash": self.signature_hash,
        }

    def open(self, order_id: str) -> SimulatedOrder:
        """Take an order; its reference has the real form."""
        now = self.clock()
        challenge = secrets.token_hex(10)
        local = now.astimezone(DHAKA)
        stamp = f"{local:%m%d%H%M%S}{local.microsecond // 1000:03d}"
        reference = f"{stamp}.{self.merchant_id}.{order_id}.{challenge}"
        payment_id = base64.b64encode(reference.encode("ascii")).decode("ascii")
        order = SimulatedOrder(order_id, payment_id, challenge, now)
        self._orders[payment_id] = order
        return order

    def order(self, payment_id: str) -> SimulatedOrder:
        """Find an order by its reference."""
        return self._orders[payment_id]

    def find(self, payment_id: str) -> SimulatedOrder | None:
        """Find an order by its reference, if there is one."""
        return self._orders.get(payment_id)

    def orders(self) -> list[SimulatedOrder]:
        """List all orders, oldest first."""
        return list(self._orders.values())

    def has_order(self, order_id: str) -> bool:
        """Tell whether an order's number was used before."""
        return any(order.order_id == order_id for order in self._orders.values())

    def next_number(self) -> str:
        """Give the next number of a movement of money, as 000177YT."""
        self._numbers += 1
        return f"{self._numbers:08X}"

    def pay(self, payment_id: str, *, payer: str = "01700000001") -> SimulatedOrder:
        """Let the customer pay."""
        with self.lock:
            order = self._orders[payment_id]
            if order.can_be_paid:
                order.status = Status.SUCCESS
                order.payer = f"{payer[:3]}****{payer[-4:]}"
                order.issuer_ref = self.next_number()
                order.paid_at = self.clock()
            return order

    def end(self, payment_id: str, status: Status) -> SimulatedOrder:
        """Let the customer give up (Aborted, Cancelled) or fail (Failed)."""
        with self.lock:
            order = self._orders[payment_id]
            if order.can_be_paid:
                order.status = status
            return order
