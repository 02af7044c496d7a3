"""Transfers that customers announce, and a person verifies."""

from decimal import Decimal
from typing import Any

import pytest

from billing_core.db.attempt_events import list_attempt_events
from billing_core.db.connect import Connection
from billing_core.db.payments import Attempt, TransferWaitsError, list_attempts
from billing_core.services.payments.deciding import (
    AlreadyDecidedError,
    ReasonMissingError,
    approve,
    reject,
)
from billing_core.services.payments.quoting import PaymentError
from billing_core.services.payments.transfers import (
    DuplicateTransferError,
    TransferError,
)
from billing_core.services.payments.waiting import list_waiting
from tests.builders import NOON, at_once, audited, posted, rows
from tests.integration.gateway_attempts import announce, begin, come_back, someone
from tests.payment_shops import a_shop


def test_a_transfer_waits_for_a_person_and_is_credited_when_approved(
    conn: Connection,
) -> None:
    customer_id = someone(conn)
    attempt = announce(conn, customer_id)
    assert (attempt.state, attempt.reason) == ("review", "TRANSFER")
    (waiting,) = list_waiting(conn, limit=9)
    assert waiting.not_approvable is None
    assert waiting.comparisons == ()
    assert posted(conn, customer_id) == 0
    approve(conn, attempt.attempt_id, operator="nila", now=NOON)
    assert posted(conn, customer_id) == Decimal("500.00")
    assert rows(conn, "SELECT method, amount, operator FROM payment") == [
        ("transfer", Decimal("500.00"), "nila")
    ]
    assert audited(conn) == []
    with pytest.raises(AlreadyDecidedError, match="nila"):
        reject(conn, attempt.attempt_id, reason="no", operator="rafi", now=NOON)


# As a keyboard that writes Bangla digits types it.
_BANGLA = "8N7A6B5C4D".translate({ord("0") + n: 0x09E6 + n for n in range(10)})


@pytest.mark.parametrize("typed", ["8n7a6b5c4d", " 8N7A 6B5C 4D ", _BANGLA])
def test_a_transaction_id_is_announced_once_however_it_is_typed(
    conn: Connection, typed: str
) -> None:
    announce(conn, someone(conn))
    with pytest.raises(DuplicateTransferError):
        announce(conn, someone(conn), transaction_id=typed)
    assert len(list_attempts(conn, limit=9)) == 1


def test_of_two_who_announce_one_transfer_at_once_one_does(
    conn: Connection, database_url: str
) -> None:
    customers = [someone(conn) for _ in range(4)]
    results = at_once(
        database_url,
        [lambda own, each=each: announce(own, each) for each in customers],  # type: ignore[misc]  # one each
    )
    assert len([each for each in results if isinstance(each, Attempt)]) == 1
    assert all(isinstance(each, Attempt | DuplicateTransferError) for each in results)


def test_a_customer_has_one_transfer_waiting_at_a_time(conn: Connection) -> None:
    customer_id = someone(conn)
    first = announce(conn, customer_id)
    with pytest.raises(TransferWaitsError):
        announce(conn, customer_id, transaction_id="ANOTHERID1")
    reject(conn, first.attempt_id, reason="not found", operator="nila", now=NOON)
    announce(conn, customer_id, transaction_id="ANOTHERID1")


def test_an_id_that_somebody_typed_wrongly_goes_to_whose_it_is(
    conn: Connection,
) -> None:
    thief, owner = someone(conn), someone(conn)
    wrong = announce(conn, thief)
    reject(conn, wrong.attempt_id, reason="not his", operator="nila", now=NOON)
    right = announce(conn, owner)
    (created,) = list_attempt_events(conn, right.attempt_id)
    assert wrong.reference in created.note
    approve(conn, right.attempt_id, operator="nila", now=NOON)
    assert posted(conn, thief) == 0
    assert posted(conn, owner) == Decimal("500.00")
    with pytest.raises(DuplicateTransferError):
        announce(conn, thief)
    assert audited(conn) == []


def test_money_that_a_gateway_took_is_not_announced_as_a_transfer(
    conn: Connection, database_url: str
) -> None:
    shop = a_shop("bkash", database_url)
    customer_id = someone(conn)
    attempt = begin(conn, shop, customer_id)
    shop.pay(attempt)
    come_back(conn, shop, attempt)
    ((trx_id,),) = rows(conn, "SELECT transaction_id FROM gateway_transaction")
    with pytest.raises(DuplicateTransferError):
        announce(conn, customer_id, transaction_id=trx_id.lower())


def test_money_that_was_approved_as_a_transfer_is_not_credited_again_by_its_gateway(
    conn: Connection, database_url: str
) -> None:
    shop = a_shop("bkash", database_url)
    customer_id = someone(conn)
    attempt = begin(conn, shop, customer_id)
    shop.pay(attempt)

    def rename(answer: dict[str, Any]) -> None:
        if answer.get("trxID"):
            answer["trxID"] = "8N7A6B5C4D"

    transfer = announce(conn, customer_id)
    approve(conn, transfer.attempt_id, operator="nila", now=NOON)
    shop.wire.change = rename
    after = come_back(conn, shop, attempt)
    assert (after.state, after.reason) == ("review", "DUPLICATE")
    assert posted(conn, customer_id) == Decimal("500.00")


@pytest.mark.parametrize(
    "changes",
    [
        {"sender": ""},
        {"sender": "somebody"},
        {"transaction_id": ""},
        {"transaction_id": "'; DROP"},
        {"transaction_id": "8N7A6\x00B5C4D"},
    ],
)
def test_a_transfer_that_names_nothing_is_refused(
    conn: Connection, changes: dict[str, str]
) -> None:
    with pytest.raises(TransferError):
        announce(conn, someone(conn), **changes)
    assert list_attempts(conn, limit=9) == []


@pytest.mark.parametrize("amount", ["0", "-5", "0.001"])
def test_an_amount_that_nobody_can_pay_is_refused(
    conn: Connection, amount: str
) -> None:
    with pytest.raises(PaymentError):
        announce(conn, someone(conn), amount=Decimal(amount))


def test_a_rejection_says_why(conn: Connection) -> None:
    attempt = announce(conn, someone(conn))
    with pytest.raises(ReasonMissingError):
        reject(conn, attempt.attempt_id, reason=" ", operator="nila", now=NOON)
