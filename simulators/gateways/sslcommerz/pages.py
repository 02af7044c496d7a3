"""The customer's page of the simulated SSLCommerz, and IPNs sent by hand."""

from flask import Response, abort, jsonify, request

from simulators.gateways.common import customer_page, notice_page, posting_page
from simulators.gateways.sslcommerz.ipn import Ipn
from simulators.gateways.sslcommerz.state import Session, SslcommerzState

NAME = "SSLCommerz"


def session_of(state: SslcommerzState, key: str) -> Session:
    """Find a session or say that there is none."""
    session = state.sessions.get(key)
    if session is None:
        abort(Response(notice_page(NAME, "There is no such session."), 404))
    return session


def page_of(session: Session) -> str:
    """Show what is paid, and what may happen."""
    form = session.form
    return customer_page(
        NAME,
        facts=(
            ("To", form["store_id"]),
            ("For", form["product_name"]),
            ("Order", form["tran_id"]),
            ("Amount", f"{form['total_amount']} {form['currency']}"),
        ),
        fields=(),
        buttons=(
            ("pay", "Pay"),
            ("fail", "Let it fail"),
            ("cancel", "Cancel"),
        ),
    )


def choose(state: SslcommerzState, session: Session, button: str) -> str:
    """Do what the customer chose, notify the shop, and send his browser back."""
    strikes = state.faults.strikes
    with state.lock:
        is_over = session.is_paid and not strikes("pays_twice", session.tran_id)
        if is_over or button not in ("pay", "fail", "cancel"):
            return notice_page(NAME, "This session is paid; close this window.")
        one = {"pay": state.pay, "fail": state.fail, "cancel": state.cancel}[button](
            session
        )
    state.notify(session, one)
    if strikes("no_return", session.tran_id):
        return notice_page(NAME, "Done. The shop is not told by your browser.")
    where = {"pay": "success_url", "fail": "fail_url", "cancel": "cancel_url"}[button]
    return posting_page(
        NAME, action=session.form[where], fields=state.posted(session, one)
    )


def send_ipn(state: SslcommerzState) -> Response:
    """Send the last try's IPN again (tran_id), or a forged one (url, tran_id, …)."""
    given = request.form.to_dict()
    tran_id = given.get("tran_id", "")
    sessions = [one for one in state.sessions.values() if one.tran_id == tran_id]
    url = given.pop("url", "") or next(
        (s.form.get("ipn_url", "") for s in sessions), ""
    )
    if not url:
        abort(Response("name a tran_id that has an ipn_url, or a url\n", 400))
    if given.pop("forged", ""):
        state.send(Ipn(url, {"status": "VALID", "val_id": "FORGED", **given}))
    elif sessions and sessions[-1].tries:
        session = sessions[-1]
        state.send(Ipn(url, state.posted(session, session.tries[-1])))
    else:
        abort(Response(f"nothing was tried for {tran_id!r}\n", 404))
    return jsonify(sent=url)
