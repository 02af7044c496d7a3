"""A transfer that was announced, held against what bKash itself says of its trxID."""

from decimal import Decimal

import pytest

from billing_core.db.connect import Connection
from billing_core.services.payments.crediting import NotCreditableError
from billing_core.services.payments.deciding import approve
from tests.builders import NOON, audited, posted
from tests.integration.test_payment_attacks import begin, come_back, someone
from tests.integration.test_payments import announce
from tests.payment_shops import a_shop


def test_an_announced_transfer_is_not_approved_once_its_gateway_has_credited_it(
    conn: Connection, database_url: str
) -> None:
    shop = a_shop("bkash", database_url)
    customer_id = someone(conn)
    attempt = begin(conn, shop, customer_id)
    shop.pay(attempt)
    shop.wire.change = lambda answer: answer.update(
        {"trxID": "8N7A6B5C4D"} if answer.get("trxID") else {}
    )
    transfer = announce(conn, customer_id)
    assert come_back(conn, shop, attempt).state == "paid"
    with pytest.raises(NotCreditableError, match="another"):
        approve(conn, transfer.attempt_id, operator="nila", now=NOON)
    assert posted(conn, customer_id) == Decimal("500.00")
    assert audited(conn) == []
