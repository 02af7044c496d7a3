"""The simulated Nagad takes an order in two steps: its number, then its amount."""

import json
import re
from datetime import datetime, timedelta
from decimal import Decimal

from flask import Response, jsonify

from simulators.gateways.nagad.exchange import body, read, refuse, sealed, trouble
from simulators.gateways.nagad.state import DHAKA, NagadState, Status

_SKEW = timedelta(minutes=5)
_ORDER_ID = re.compile("[0-9A-Za-z]{1,20}")
_AMOUNT = re.compile(r"[0-9]+\.[0-9]{2}")


def initialize(state: NagadState, merchant_id: str, order_id: str) -> Response:
    """Take an order by its number."""
    if (wrong := trouble(state, order_id)) is not None:
        return wrong
    fields = read(state, "sensitiveData")
    if isinstance(fields, Response):
        return fields
    if merchant_id != state.merchant_id or fields.get("merchantId") != merchant_id:
        return refuse("InvalidMerchant", "Merchant is not valid.")
    if fields.get("orderId") != order_id or not _ORDER_ID.fullmatch(order_id):
        return refuse("InvalidOrderId", "Order id is not valid.")
    if len(fields.get("challenge", "")) < 20:
        return refuse("InvalidApiRequest", "Challenge is too short.")
    moment = _moment(fields.get("datetime", ""))
    now = state.clock()
    if state.faults.strikes("skewed_clock", order_id):
        now += timedelta(hours=1)
    if (
        moment is None
        or abs(now - moment) > _SKEW
        or body().get("dateTime") != fields["datetime"]
    ):
        return refuse(
            "InvalidApiRequest",
            "Please verify provided data and try again. Call 16167 for help.",
        )
    with state.lock:
        if state.has_order(order_id):
            return refuse("DuplicateOrderId", "Order id was used before.")
        state.challenges.append(fields["challenge"])
        order = state.open(order_id)
    if state.faults.strikes("silent_initialize", order_id):
        state.silence()
    named = order
    if state.faults.strikes("other_order", order_id):
        with state.lock:
            named = state.open(f"{order_id[:-1]}0"[:20])
    return sealed(
        state,
        order_id,
        {
            "paymentReferenceId": named.payment_id,
            "challenge": named.challenge,
            "acceptDateTime": f"{order.opened_at.astimezone(DHAKA):%Y%m%d%H%M%S}",
        },
    )


def complete(state: NagadState, payment_id: str, page: str) -> Response:
    """Take the amount of an order, and give the customer's page."""
    order = state.find(payment_id)
    names = (payment_id,) if order is None else (payment_id, order.order_id)
    if (wrong := trouble(state, *names)) is not None:
        return wrong
    if order is None:
        return refuse("InvalidReferenceId", "Payment reference is not valid.")
    fields = read(state, "sensitiveData")
    if isinstance(fields, Response):
        return fields
    if (
        fields.get("merchantId") != state.merchant_id
        or fields.get("orderId") != order.order_id
        or fields.get("challenge") != order.challenge
    ):
        return refuse("InvalidApiRequest", "Challenge, merchant or order is wrong.")
    if fields.get("currencyCode") != "050":
        return refuse("InvalidCurrency", "Currency is not valid.")
    callback, amount = body().get("merchantCallbackURL"), fields.get("amount", "")
    if (
        not isinstance(callback, str)
        or not callback.startswith(("http://", "https://"))
        or not _AMOUNT.fullmatch(amount)
        or not Decimal(amount)
        or order.status is not Status.ORDER_INITIATED
    ):
        return refuse("InvalidPurchaseInformation", "Purchase is not valid.")
    info = body().get("additionalMerchantInfo")
    with state.lock:
        order.amount, order.callback_url = Decimal(amount), callback
        order.merchant_info = None if info is None else json.dumps(info)
        order.status = Status.READY
    if state.faults.strikes("silent_complete", *names):
        state.silence()
    if state.faults.strikes("plain_page", *names):
        page = "http://pay.example.net/check-out/1"
    return jsonify(callBackUrl=page, status="Success")


def _moment(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=DHAKA)
    except ValueError:
        return None
