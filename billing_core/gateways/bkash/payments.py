"""Payments at bKash: create, execute, query, and search by trxID.

Execute captures the money. It is sent when the customer is through, and after an answer
that did not come only if bKash, asked for the state, says that nothing happened. After
an execute that was answered nothing is asked: who asks each time fails bKash's business
UAT.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from urllib.parse import urlsplit

from billing_core.gateways.bkash.answers import Reply, read_time
from billing_core.gateways.bkash.client import BkashClient
from billing_core.gateways.bkash.codes import CodeClass, class_of
from billing_core.gateways.contract import (
    Answer,
    Asked,
    Checkout,
    GatewayError,
    GatewayRefusedError,
    GatewayUnknownError,
    Order,
    PaidState,
    TransactionId,
)

#: How gateway_transaction calls bKash's id of moved money.
TRX_ID = "trx_id"
CURRENCY = "BDT"

_CREATE = "/tokenized/checkout/create"
_EXECUTE = "/tokenized/checkout/execute"
_STATUS = "/tokenized/checkout/payment/status"
_SEARCH = "/tokenized/checkout/general/searchTransaction"
#: Without agreement.
_MODE = "0011"
_LEAST = Decimal("1.00")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
#: What an answer or a notice says of money that moved.
COMPLETED = "Completed"
#: So long an open checkout is captured that the customer confirmed with his PIN: later
#: he has paid in another way, or given up.
_CAPTURE_WITHIN = timedelta(hours=1)


def create(client: BkashClient, order: Order, *, now: datetime) -> Checkout:
    """Open a checkout; 0000 here means that the customer may pay, not that he has."""
    _check_order(order)
    reply = client.call(
        _CREATE,
        {
            "mode": _MODE,
            # A mobile number is filled in for him on bKash's page.
            "payerReference": order.mobile or order.reference,
            "callbackURL": order.return_url,
            "amount": f"{order.amount:.2f}",
            "currency": order.currency,
            "intent": "sale",
            "merchantInvoiceNumber": order.reference,
        },
        now=now,
    )
    if not reply.is_success:
        raise _not_created(reply)
    payment_id, url = reply.word("paymentID"), reply.word("bkashURL")
    if not payment_id or not _is_web_address(url):
        raise GatewayUnknownError("bKash opened a checkout and does not say where.")
    _check_echo(reply, order)
    return Checkout(payment_id, url, reply.fields)


def ask(client: BkashClient, asked: Asked, *, now: datetime) -> Answer:
    """Capture what the customer has confirmed, or ask what became of it."""
    if asked.payment_id is None:
        # Nobody ever had the address of its page.
        raise GatewayRefusedError("bKash never gave this checkout an id.")
    if asked.customer_finished and not asked.capture_tried:
        return _execute(client, asked.payment_id, now=now)
    reply = _query(client, asked.payment_id, now=now)
    if _is_confirmed(reply, asked) and now - asked.created_at <= _CAPTURE_WITHIN:
        # An execute that never arrived; or his browser never came back, which loses
        # payments elsewhere: that he confirmed says bKash, better than a browser.
        return _execute(client, asked.payment_id, now=now)
    return _answer_of_query(reply)


def search(client: BkashClient, trx_id: str, *, now: datetime) -> Answer:
    """Ask what money a trxID is: for who paid to the wallet and typed it in.

    It names neither invoice nor checkout: a person, or a rule, ties it to a customer.
    """
    reply = client.call(_SEARCH, {"trxID": trx_id}, now=now)
    if not reply.is_success:
        if not (reply.has_code and class_of(reply.code) is CodeClass.NO_SUCH):
            _raise_if_no_answer(reply)
        return _answer(reply, PaidState.FAILED, reason=reply.told())
    completed = reply.word("transactionStatus") == COMPLETED
    found = _answer(reply, PaidState.PAID if completed else PaidState.WAITING)
    return Answer(
        state=found.state,
        reference=None,
        payment_id=None,
        merchant=reply.word("organizationShortCode"),
        merchant_expected=client.settings.short_code,
        amount=found.amount,
        currency=found.currency,
        transactions=found.transactions,
        fee=_kept(reply),
        paid_at=read_time(reply.word("completedTime", "initiationTime")),
        payer=reply.word("customerMsisdn", "payerAccount"),
        flags=(*found.flags, *_search_flags(reply, trx_id, client.settings.short_code)),
        reason="" if completed else reply.word("transactionStatus"),
        raw=found.raw,
    )


def _execute(client: BkashClient, payment_id: str, *, now: datetime) -> Answer:
    try:
        reply = client.call(_EXECUTE, {"paymentID": payment_id}, now=now)
    except GatewayUnknownError:
        # It may have captured all the same.
        return _answer_of_query(_query(client, payment_id, now=now))
    if _is_paid(reply):
        return _answer(reply, PaidState.PAID)
    if reply.has_code:
        match class_of(reply.code):
            case CodeClass.CUSTOMER:
                return _answer(reply, PaidState.FAILED, reason=reply.told())
            case CodeClass.OURS | CodeClass.NO_SUCH:
                _raise_if_no_answer(reply)
    return _answer_of_query(_query(client, payment_id, now=now))


def _query(client: BkashClient, payment_id: str, *, now: datetime) -> Reply:
    return client.call(_STATUS, {"paymentID": payment_id}, now=now)


def _answer_of_query(reply: Reply) -> Answer:
    if _is_paid(reply):
        return _answer(reply, PaidState.PAID)
    if reply.is_success:
        # Initiated, Authorized, and Completed without a trxID: no money that we know.
        state = reply.word("transactionStatus") or "no status"
        return _answer(reply, PaidState.WAITING, reason=state)
    if reply.has_code:
        match class_of(reply.code):
            case CodeClass.NOT_READY:
                return _answer(reply, PaidState.WAITING, reason=reply.told())
            case CodeClass.CUSTOMER:
                return _answer(reply, PaidState.FAILED, reason=reply.told())
    _raise_if_no_answer(reply)
    raise GatewayUnknownError(f"bKash does not know: {reply.told()}.")


def _is_paid(reply: Reply) -> bool:
    return (
        reply.is_success
        and reply.word("transactionStatus") == COMPLETED
        and reply.word("trxID") != ""
    )


def _is_confirmed(reply: Reply, asked: Asked) -> bool:
    """Tell whether the customer is through, and the money not moved."""
    if not reply.is_success or reply.word("transactionStatus") != "Initiated":
        return False
    # Both spellings are seen; where neither is there, his browser's word has to do.
    verified = reply.word("verificationStatus", "userVerificationStatus")
    return verified == "Complete" or (not verified and asked.customer_finished)


def _answer(reply: Reply, state: PaidState, *, reason: str = "") -> Answer:
    trx_id = reply.word("trxID")
    amount = reply.amount("amount")
    flags = () if amount is not None else ("amount missing: bKash does not tell it",)
    return Answer(
        state=state,
        # The query calls it merchantInvoice; others saw the other name there too.
        reference=reply.word("merchantInvoiceNumber", "merchantInvoice"),
        payment_id=reply.word("paymentID"),
        merchant=None,
        merchant_expected=None,
        amount=amount,
        currency=reply.word("currency"),
        transactions=(TransactionId(TRX_ID, trx_id),) if trx_id else (),
        fee=None,
        paid_at=read_time(reply.word("paymentExecuteTime")),
        payer=reply.word("customerMsisdn"),
        flags=flags if state is PaidState.PAID else (),
        reason=reason,
        raw=reply.fields,
    )


def _kept(reply: Reply) -> Decimal | None:
    """Tell what bKash kept of it: what did not arrive in the wallet.

    ``serviceFee`` does not say who bore it; ``creditedAmount`` is what arrived.
    """
    amount, arrived = reply.amount("amount"), reply.amount("creditedAmount")
    return None if amount is None or arrived is None else amount - arrived


def _search_flags(reply: Reply, trx_id: str, short_code: str | None) -> tuple[str, ...]:
    flags = []
    if short_code is None:
        flags.append("receiver not checked: KHATA_BKASH_SHORT_CODE is not set")
    if reply.word("trxID") != trx_id:
        flags.append("other trxID: bKash answered about another one")
    if "originalTrxAmount" in reply.fields:
        flags.append("refund: this trxID gave money back")
    amount, left = reply.amount("amount"), reply.amount("maxRefundableAmount")
    if amount is not None and left is not None and left < amount:
        flags.append(f"refunded: only {left} of it is left")
    return tuple(flags)


def _check_order(order: Order) -> None:
    if order.currency != CURRENCY:
        raise GatewayRefusedError(f"bKash takes {CURRENCY} only.", code="2007")
    if order.amount < _LEAST:
        raise GatewayRefusedError(f"bKash takes {_LEAST} or more.", code="2006")
    if not _is_web_address(order.return_url):
        raise GatewayRefusedError(
            "bKash needs a callback address that begins with https://.",
            code="2049",
            ours=True,
        )


def _is_web_address(url: str) -> bool:
    parts = urlsplit(url)
    return bool(parts.hostname) and (
        parts.scheme == "https"
        or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    )


def _check_echo(reply: Reply, order: Order) -> None:
    """Refuse a checkout that is not the one we ordered: nobody has paid it yet."""
    told: Mapping[str, object] = {
        "amount": reply.amount("amount"),
        "currency": reply.word("currency"),
        "merchantInvoiceNumber": reply.word("merchantInvoiceNumber"),
    }
    ours = {
        "amount": order.amount,
        "currency": order.currency,
        "merchantInvoiceNumber": order.reference,
    }
    for name, value in told.items():
        if value not in (None, "", ours[name]):
            raise GatewayRefusedError(
                f"bKash opened a checkout with another {name}: {value}.", ours=True
            )


def _not_created(reply: Reply) -> GatewayError:
    text = f"bKash opened no checkout: {reply.told()}."
    kind = class_of(reply.code) if reply.has_code else CodeClass.UNKNOWN
    if kind in (CodeClass.OURS, CodeClass.CUSTOMER):
        return GatewayRefusedError(text, code=reply.code, ours=kind is CodeClass.OURS)
    return GatewayUnknownError(text)


def _raise_if_no_answer(reply: Reply) -> None:
    """Raise what an answer is that says nothing about the payment."""
    kind = class_of(reply.code) if reply.has_code else CodeClass.UNKNOWN
    if kind is CodeClass.OURS:
        raise GatewayRefusedError(
            f"bKash refuses us: {reply.told()}.", code=reply.code, ours=True
        )
    if kind is CodeClass.NO_SUCH:
        raise GatewayRefusedError(
            f"bKash knows no such payment: {reply.told()}.", code=reply.code
        )
    if kind is CodeClass.UNKNOWN:
        raise GatewayUnknownError(f"bKash does not know: {reply.told()}.")
