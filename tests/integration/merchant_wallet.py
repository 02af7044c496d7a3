"""A merchant's wallet at bKash, and the money that is paid to it without a checkout."""

from decimal import Decimal
from typing import Any

from billing_core.db.connect import Connection
from billing_core.db.gateway_notices import Notice, find_unmatched
from billing_core.db.payments import Attempt
from billing_core.gateways.bkash import Certificates
from billing_core.gateways.contract import CallbackRequest
from billing_core.services.payments.hints import keep_notice, take_hint
from billing_core.services.payments.unmatched import (
    ShownNotice,
    ask_about_notice,
    assign,
)
from simulators.gateways.bkash_sns import SimulatedSns
from tests.builders import (
    NOON,
    a_customer,
    a_package,
    username_of,
)
from tests.gateways.bkash_shop import Shop

D = Decimal
SENDER = "01770618575"
_SENDERS: list[SimulatedSns] = []


class Wallet:
    """A merchant's wallet at bKash, whose notices come to us by SNS."""

    def __init__(self) -> None:
        if not _SENDERS:
            _SENDERS.append(SimulatedSns(NOON))
        self.sns = _SENDERS[0]
        self.shop = Shop(certificates=Certificates(self.sns.fetch))
        self.gateway = self.shop.gateway

    def paid(self, amount: str = "500.00", **told: str) -> dict[str, str]:
        """Pay in bKash's app; return what bKash says of it."""
        trx_id = self.shop.bkash.pay_to_wallet(D(amount), SENDER)
        notice = self.sns.notice(self.shop.bkash, self.shop.bkash.payment_of(trx_id))
        return notice | {"transactionType": "10003126"} | told

    def tell(self, conn: Connection, notice: dict[str, str]) -> None:
        """Let the notice arrive as it does at our web server."""
        post = self.sns.notification(notice)
        hint = self.gateway.read_callback(
            CallbackRequest({}, {}, post.body, post.headers)
        )
        keep_notice(conn, self.gateway, hint, now=NOON)
        take_hint(
            conn,
            self.gateway,
            hint,
            verification="automatic",
            actor="gateway:bkash",
            now=NOON,
        )


def someone(conn: Connection, **facts: Any) -> int:
    return a_customer(conn, a_package(conn), **facts)


def told(conn: Connection, wallet: Wallet, **notice: str) -> Notice:
    wallet.tell(conn, wallet.paid() | notice)
    (found,) = find_unmatched(conn, limit=9)
    return found


def given(
    conn: Connection, notice: Notice, customer_id: int, amount: str = "500.00"
) -> Attempt:
    return assign(
        conn,
        notice.notice_id,
        username_of(conn, customer_id),
        amount=D(amount),
        operator="operator:nila",
        now=NOON,
    )


def asked(conn: Connection, wallet: Wallet, notice: Notice) -> ShownNotice:
    return ask_about_notice(conn, wallet.gateway, notice.notice_id, now=NOON)
