"""Ask a gateway something harmless, so that a person sees whether its settings work."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from billing_core.db.connect import Connection, in_transaction
from billing_core.db.operators import log_operator_event
from billing_core.gateways.contract import (
    Asked,
    Gateway,
    GatewayRefusedError,
    GatewayUnknownError,
)
from billing_core.references import new_reference

#: What an answer about a payment that never was shows. bKash gives a token for our keys
#: first, SSLCommerz looks at store and password; Nagad tells anybody what it knows.
_CHECKS_US = frozenset({"bkash", "sslcommerz"})


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of asking a gateway."""

    #: accepted: it knows us. answered: it can be reached, more was not looked at.
    #: refused: it does not know us. silent: nobody answered what can be read.
    outcome: Literal["accepted", "answered", "refused", "silent"]
    #: Its words where it said no; no secret is in them.
    words: str = ""


def try_gateway(
    conn: Connection, gateway: Gateway, *, currency: str, actor: str, now: datetime
) -> Trial:
    """Ask about a payment that never was: nothing is created, captured, given back."""
    trial = _ask(gateway, currency, now)
    note = f"{gateway.name}: {trial.outcome}"

    def work() -> None:
        log_operator_event(conn, at=now, actor=actor, what="gateway tried", note=note)

    in_transaction(conn, work)
    return trial


def _ask(gateway: Gateway, currency: str, now: datetime) -> Trial:
    reference = new_reference()
    asked = Asked(
        reference=reference,
        payment_id=reference,
        amount=Decimal(1),
        currency=currency,
        created_at=now,
    )
    knows = gateway.name in _CHECKS_US
    try:
        gateway.ask(asked, now=now)
    except GatewayRefusedError as error:
        if error.ours:
            return Trial("refused", str(error))
        return Trial("accepted" if knows else "answered", str(error))
    except GatewayUnknownError as error:
        return Trial("silent", str(error))
    return Trial("accepted" if knows else "answered")
