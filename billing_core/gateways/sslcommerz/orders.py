"""What SSLCommerz wants to know to open a session, and what it would not take.

Field names, lengths and limits are those of its session API v4. What only labels the
payment is cut to its length; what decides it is refused when it does not fit.
"""

import re
from decimal import Decimal

from billing_core.gateways.contract import GatewayRefusedError, Order

AMOUNT_MIN = Decimal("10.00")
AMOUNT_MAX = Decimal("500000.00")
CURRENCY = "BDT"
_TRAN_ID = re.compile(r"[0-9A-Za-z]{1,30}", re.ASCII)
_URL_MAX = 255
_NAME_MAX = 50
_MAIL_MAX = 50
_PHONE_MAX = 20
_PRODUCT_MAX = 255
# Mandatory, and an order has none: nobody's address is told to a gateway.
_NOT_TOLD = "N/A"


def session_form(order: Order) -> dict[str, str]:
    """Write an order as the form that opens a session, store and password apart."""
    _check(order)
    return {
        "tran_id": order.reference,
        "total_amount": f"{order.amount:.2f}",
        "currency": order.currency,
        # One address: what is posted there says which of the three it is.
        "success_url": order.return_url,
        "fail_url": order.return_url,
        "cancel_url": order.return_url,
        "ipn_url": order.notify_url,
        "cus_name": order.customer_name[:_NAME_MAX] or _NOT_TOLD,
        "cus_email": _mail(order),
        "cus_phone": order.mobile[:_PHONE_MAX] or "00000000000",
        "cus_add1": _NOT_TOLD,
        "cus_city": _NOT_TOLD,
        "cus_postcode": "0000",
        "cus_country": "Bangladesh",
        "shipping_method": "NO",
        "num_of_item": "1",
        "product_name": order.description[:_PRODUCT_MAX] or "Internet",
        "product_category": "Internet",
        "product_profile": "non-physical-goods",
        "emi_option": "0",
    }


def _check(order: Order) -> None:
    if not _TRAN_ID.fullmatch(order.reference):
        raise _refusal("a reference has 1 to 30 letters and digits", ours=True)
    if order.currency != CURRENCY:
        raise _refusal(f"it is paid in {CURRENCY}, not in {order.currency}", ours=True)
    if not AMOUNT_MIN <= order.amount <= AMOUNT_MAX:
        raise _refusal(
            f"it takes {AMOUNT_MIN} to {AMOUNT_MAX} {CURRENCY} at once, "
            f"not {order.amount:.2f}",
            ours=False,
        )
    for address in (order.return_url, order.notify_url):
        if len(address) > _URL_MAX or not address.startswith(("https://", "http://")):
            raise _refusal(
                f"a return or notify address is absolute and up to {_URL_MAX} long",
                ours=True,
            )


def _mail(order: Order) -> str:
    if 0 < len(order.mail) <= _MAIL_MAX:
        return order.mail
    # A mandatory field; nothing is ever delivered to .invalid (RFC 6761 §6.4).
    return f"{order.reference}@customer.invalid"


def _refusal(why: str, *, ours: bool) -> GatewayRefusedError:
    return GatewayRefusedError(f"SSLCommerz: {why}.", code="order", ours=ours)
