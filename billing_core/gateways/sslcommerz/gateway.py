"""SSLCommerz as the rest of the system knows it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from urllib.parse import urlsplit

import httpx

from billing_core.gateways.contract import (
    Answer,
    Asked,
    CallbackRequest,
    Checkout,
    GatewayRefusedError,
    GatewayUnknownError,
    Hint,
    Order,
    RefundAnswer,
    RefundOrder,
)
from billing_core.gateways.sslcommerz import answers, client
from billing_core.gateways.sslcommerz.orders import session_form
from billing_core.gateways.sslcommerz.settings import SslcommerzSettings
from billing_core.gateways.sslcommerz.signature import is_right

_TRAN_ID = re.compile(r"[0-9A-Za-z]{1,30}", re.ASCII)
_VAL_ID = re.compile(r"[0-9A-Za-z_-]{1,50}", re.ASCII)
_CLAIMS = {
    "VALID": "success",
    "VALIDATED": "success",
    "FAILED": "failed",
    "EXPIRED": "failed",
    "CANCELLED": "cancelled",
    # He looked at the page and chose no way to pay.
    "UNATTEMPTED": "cancelled",
}
_REMARKS_MAX = 255


@dataclass(frozen=True, slots=True)
class SslcommerzGateway:
    """One store at SSLCommerz, spoken to over HTTP."""

    settings: SslcommerzSettings
    http: httpx.Client

    @property
    def name(self) -> str:
        """Name it as payment_attempt.gateway does."""
        return "sslcommerz"

    def create(self, order: Order, *, now: datetime) -> Checkout:
        """Open a session; HTTP 200 with FAILED is a refusal."""
        form = session_form(order)
        answer = client.post_form(self.http, self.settings, client.SESSION, form)
        status = answers.text(answer, "status").upper()
        if status == "FAILED":
            why = answers.text(answer, "failedreason") or "it gives no reason"
            raise GatewayRefusedError(f"SSLCommerz: {why}.", code="FAILED", ours=True)
        session = answers.text(answer, "sessionkey")
        page = answers.text(answer, "GatewayPageURL")
        if status != "SUCCESS" or not session or not _is_page(page, self.settings):
            raise GatewayUnknownError("SSLCommerz: its answer opens no session.")
        kept = ("status", "sessionkey", "GatewayPageURL")
        return Checkout(session, page, {name: answer.get(name) for name in kept})

    def ask(self, asked: Asked, *, now: datetime) -> Answer:
        """Ask what became of a session; only the validation API says "paid".

        A hint's val_id saves a call and is not believed: unless it turns out to be a
        payment of this very order, the order itself is asked about.
        """
        if asked.hint_id is not None and _VAL_ID.fullmatch(asked.hint_id):
            hinted = self._validate_hint(asked.hint_id)
            if hinted is not None and hinted.reference == asked.reference:
                return hinted
        found = self._query("tran_id", asked.reference)
        paid = answers.paid_elements(found, asked)
        if not paid:
            return answers.unpaid(asked, found, self.settings.store_id)
        answer = self._validate(answers.text(paid[0], "val_id"))
        if answer is None:
            raise GatewayUnknownError(
                "SSLCommerz: it lists a payment that it does not validate."
            )
        return answers.paid_twice(answer, paid[1:])

    def ask_by_session(self, session: str) -> Mapping[str, object]:
        """Return what it says of a session, for a person to look at."""
        return self._query("sessionkey", session)

    def read_callback(self, request: CallbackRequest) -> Hint:
        """Read a return (the browser posts it) or an IPN (their server does)."""
        posted = request.form if request.form.get("tran_id") else request.query
        reference = posted.get("tran_id", "")
        val_id = posted.get("val_id", "")
        return Hint(
            reference=reference if _TRAN_ID.fullmatch(reference) else None,
            payment_id=None,
            claims=_CLAIMS.get(posted.get("status", "").upper(), ""),
            transaction_id=val_id if _VAL_ID.fullmatch(val_id) else None,
            signature_is_right=is_right(posted, self.settings.store_password),
        )

    def refund(self, order: RefundOrder, *, now: datetime) -> RefundAnswer:
        """Begin to give money back; its refund_ref_id is how to ask later."""
        answer = self._query(
            "bank_tran_id",
            _bank_tran_id(order),
            refund_trans_id=order.refund_reference,
            refund_amount=_written(order.amount),
            refund_remarks=order.reason[:_REMARKS_MAX] or "refund",
            refe_id=order.reference,
        )
        return answers.refund_requested(answer)

    def ask_refund(self, order: RefundOrder, *, now: datetime) -> RefundAnswer:
        """Ask what became of a refund; it can be asked by refund_ref_id only."""
        if not order.gateway_refund_id:
            raise GatewayUnknownError(
                "SSLCommerz: it gave no refund_ref_id, and cannot be asked about a "
                f"refund without one. Look for {order.refund_reference} in its panel."
            )
        answer = self._query("refund_ref_id", order.gateway_refund_id)
        told = answers.text(answer, "bank_tran_id")
        if told and told != _bank_tran_id(order):
            raise GatewayUnknownError("SSLCommerz: it tells of another refund.")
        return answers.refund_status(answer)

    def _validate_hint(self, val_id: str) -> Answer | None:
        try:
            return self._validate(val_id)
        except GatewayRefusedError:
            # Anybody can send a hint: that it is refused says nothing of our account.
            return None

    def _validate(self, val_id: str) -> Answer | None:
        """Ask the authority; None = it knows no payment of ours by this val_id."""
        answer = client.get(
            self.http, self.settings, client.VALIDATE, {"val_id": val_id}
        )
        if answers.text(answer, "status").upper() not in answers.PAID:
            if answers.text(answer, "status").upper() != "INVALID_TRANSACTION":
                client.check_connected(answer)
            return None
        client.check_connected(answer)
        if answers.text(answer, "val_id") != val_id:
            raise GatewayUnknownError("SSLCommerz: it validates another payment.")
        return answers.validated(answer, self.settings.store_id)

    def _query(self, by: str, value: str, **more: str) -> dict[str, object]:
        answer = client.get(self.http, self.settings, client.QUERY, {by: value, **more})
        client.check_connected(answer)
        return answer


def _is_page(address: str, settings: SslcommerzSettings) -> bool:
    """Tell whether a customer may be sent there: https, or http where we are too."""
    scheme = urlsplit(address).scheme
    return scheme == "https" or scheme == urlsplit(settings.base_url).scheme


def _bank_tran_id(order: RefundOrder) -> str:
    for one in order.transactions:
        if one.kind == "bank_tran_id":
            return one.value
    raise GatewayRefusedError(
        "SSLCommerz: this payment has no bank_tran_id, and is refunded by hand.",
        ours=True,
    )


def _written(amount: Decimal) -> str:
    return f"{amount:.2f}"
