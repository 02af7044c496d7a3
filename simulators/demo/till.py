"""A *simulated* bKash at hand, without a network: for what lies in the past."""

import time
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

import httpx

from billing_core.db.connect import Connection
from billing_core.db.payments import Attempt
from billing_core.gateways.bkash import BkashGateway, BkashSettings, TokensInProcess
from billing_core.services.payments.asking import ask_about
from billing_core.services.payments.starting import Site, start_payment
from simulators.gateways.bkash import BkashState, create_app

_HOST = "https://bkash.simulated"
_SITE = Site("https://khata.simulated", "Khata demo")
# Three years back: ids of the past are none that a simulator of today gives.
_EARLIER = 100_000_000


@dataclass(slots=True)
class SimulatedTill:
    """Customers pay here by bKash at whatever moment it is said to be."""

    now: datetime
    bkash: BkashState = field(init=False)
    _gateway: BkashGateway = field(init=False)

    def __post_init__(self) -> None:
        self.bkash = BkashState(
            clock=lambda: self.now, number=int(time.time()) - _EARLIER
        )
        app = create_app(self.bkash)
        self._gateway = BkashGateway(
            BkashSettings(
                base_url=f"{_HOST}/v1.2.0-beta",
                username=self.bkash.username,
                password=self.bkash.password,
                app_key=self.bkash.app_key,
                app_secret=self.bkash.app_secret,
                short_code=self.bkash.short_code,
            ),
            httpx.Client(transport=httpx.WSGITransport(app=app)),
            TokensInProcess(),
        )

    def pay(
        self,
        conn: Connection,
        customer_id: int,
        amount: Decimal,
        *,
        now: datetime,
        verification: str = "automatic",
        fault: str | None = None,
    ) -> Attempt:
        """Start a payment, pay it, and ask what became of it."""
        self.now = now
        started = start_payment(
            conn,
            self._gateway,
            customer_id=customer_id,
            amount=amount,
            purpose="bills",
            bill_id=None,
            package_id=None,
            site=_SITE,
            client_address="127.0.0.1",
            actor="demo",
            now=now,
        )
        if fault is not None:
            self.bkash.faults.arm(fault, started.reference)
        self.bkash.customer_pays(started.reference)
        return ask_about(
            conn,
            self._gateway,
            started.reference,
            finished=True,
            verification=verification,
            actor="demo",
            now=now,
        )
