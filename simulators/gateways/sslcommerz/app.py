"""The simulated SSLCommerz over HTTP: its API, its page, and the knobs of a tester."""

import json
from decimal import Decimal, InvalidOperation

from flask import Flask, Response, request

from simulators.gateways.common import new_app
from simulators.gateways.sslcommerz.pages import choose, page_of, send_ipn, session_of
from simulators.gateways.sslcommerz.refunds import answer_refund, answer_refund_status
from simulators.gateways.sslcommerz.state import Session, SslcommerzState, Try

#: Mandatory fields of session API v4 and their lengths.
_MANDATORY = {
    "tran_id": 30,
    "total_amount": 13,
    "currency": 3,
    "product_category": 100,
    "success_url": 255,
    "fail_url": 255,
    "cancel_url": 255,
    "cus_name": 50,
    "cus_email": 50,
    "cus_add1": 50,
    "cus_city": 50,
    "cus_postcode": 50,
    "cus_country": 50,
    "cus_phone": 20,
    "shipping_method": 50,
    "num_of_item": 2,
    "product_name": 255,
    "product_profile": 100,
}
_AMOUNT_MIN, _AMOUNT_MAX = Decimal("10.00"), Decimal("500000.00")
_BLOCKED = "<html><body>Request blocked. Your support ID is: 4711</body></html>"


def create_app(state: SslcommerzState) -> Flask:
    """Serve the gateway; mount it at the root or under a path."""
    app = new_app("simulated_sslcommerz", state.faults)

    @app.post("/gwprocess/v4/api.php")
    def open_session() -> Response:
        return _open_session(state)

    @app.get("/validator/api/validationserverAPI.php")
    def validate() -> Response:
        return _validate(state)

    @app.get("/validator/api/merchantTransIDvalidationAPI.php")
    def query() -> Response:
        return _query(state)

    @app.get("/checkout/<key>")
    def show_page(key: str) -> str:
        return page_of(session_of(state, key))

    @app.post("/checkout/<key>")
    def take_choice(key: str) -> str:
        return choose(state, session_of(state, key), request.form.get("button", ""))

    @app.post("/simulated/ipn")
    def simulate_ipn() -> Response:
        return send_ipn(state)

    return app


def _json(answer: object) -> Response:
    return Response(json.dumps(answer), mimetype="application/json")


def _broken(state: SslcommerzState, call: str, *names: str) -> Response | None:
    """Answer as a broken gateway does, or not at all, when a fault says so."""
    strikes = state.faults.strikes
    if f"{call}_lost" in state.faults.known and strikes(f"{call}_lost", *names):
        state.silence()
    if call in ("create", "validate"):
        if strikes(f"{call}_500", *names):
            return Response("Internal Server Error", 500)
        if strikes(f"{call}_html", *names):
            return Response(_BLOCKED)
    if call == "validate" and strikes("validate_empty", *names):
        return Response("")
    return None


def _open_session(state: SslcommerzState) -> Response:
    form = request.form.to_dict()
    tran_id = form.get("tran_id", "")
    state.asked.append(("create", tran_id))
    reason = _refusal(state, form)
    if reason:
        return _json({"status": "FAILED", "failedreason": reason, "sessionkey": ""})
    del form["store_passwd"]
    session = state.open(form)
    page = f"{request.url_root.rstrip('/')}/checkout/{session.key}"
    return _broken(state, "create", tran_id) or _json(
        {
            "status": "SUCCESS",
            "failedreason": "",
            "sessionkey": session.key,
            "gw": {"visa": "dbbl_visa", "mobilebanking": "bkash,nagad"},
            "redirectGatewayURL": f"{page}?cardname=",
            "GatewayPageURL": page,
            "store_name": "SIMULATED",
            "desc": [{"name": "VISA", "type": "visa", "gw": "visacard"}],
        }
    )


def _refusal(state: SslcommerzState, form: dict[str, str]) -> str:
    if not _is_store(state, form) or state.faults.strikes("store_inactive"):
        return "Store Credential Error Or Store is De-active"
    for name, length in _MANDATORY.items():
        if not form.get(name):
            return f"Invalid Information: '{name}' is missing or empty"
        if len(form[name]) > length:
            return f"Invalid Information: '{name}' is longer than {length}"
    try:
        amount = Decimal(form["total_amount"])
    except InvalidOperation:
        return "Invalid Information: 'total_amount' is no amount"
    if form["currency"] == "BDT" and not _AMOUNT_MIN <= amount <= _AMOUNT_MAX:
        return f"'total_amount' has to be from {_AMOUNT_MIN} to {_AMOUNT_MAX} BDT"
    return ""


def _is_store(state: SslcommerzState, given: dict[str, str]) -> bool:
    known = state.stores.get(given.get("store_id", ""))
    return known is not None and given.get("store_passwd") == known


def _not_connected(state: SslcommerzState) -> Response | None:
    if state.faults.strikes("store_inactive"):
        return _json({"APIConnect": "INACTIVE"})
    if not _is_store(state, request.args.to_dict()):
        return _json({"APIConnect": "FAILED"})
    return None


def _validate(state: SslcommerzState) -> Response:
    val_id, store_id = request.args.get("val_id", ""), request.args.get("store_id", "")
    state.asked.append(("validate", val_id))
    if refused := _not_connected(state):
        return refused
    if not val_id:
        return _json({"APIConnect": "INVALID_REQUEST"})
    with state.lock:
        found = state.paid_try(store_id, val_id=val_id)
        if found is None:
            return _json({"status": "INVALID_TRANSACTION", "APIConnect": "DONE"})
        session, one = found
        names = (session.tran_id, val_id)
        if state.faults.strikes("invalid_transaction", *names):
            return _json({"status": "INVALID_TRANSACTION", "APIConnect": "DONE"})
        if state.faults.strikes("pending", *names):
            return _json(_told(state, session, one) | {"status": "PENDING"})
        answer = _told(state, session, one)
        if state.faults.strikes("another_tran_id", *names):
            answer["tran_id"] = "ANOTHER" + session.tran_id[7:]
        # It is validated from here on, whether or not the answer arrives.
        one.is_validated, one.status = True, "VALIDATED"
    return _broken(state, "validate", *names) or _json(
        answer
        | {
            "emi_instalment": "0",
            "emi_amount": "0.00",
            "validated_on": state.civil(state.clock()),
            "gw_version": "",
        }
    )


def _told(state: SslcommerzState, session: Session, one: Try) -> dict[str, object]:
    told: dict[str, object] = {**state.fields(session, one), "APIConnect": "DONE"}
    if state.faults.strikes("numbers_as_json", session.tran_id):
        for name in ("amount", "store_amount", "currency_amount"):
            if told[name]:
                told[name] = float(str(told[name]))
        told["risk_level"] = int(str(told["risk_level"]))
    return told


def _query(state: SslcommerzState) -> Response:
    asked = request.args.to_dict()
    by = next(
        (
            name
            for name in ("sessionkey", "tran_id", "bank_tran_id", "refund_ref_id")
            if asked.get(name)
        ),
        "",
    )
    state.asked.append((f"query {by}", asked.get(by, "")))
    if refused := _not_connected(state):
        return refused
    store_id = asked["store_id"]
    if by == "bank_tran_id":
        return _json(answer_refund(state, asked))
    if by == "refund_ref_id":
        return _json(answer_refund_status(state, asked["refund_ref_id"]))
    if by == "sessionkey":
        session = state.sessions.get(asked["sessionkey"])
        if session is None or session.form["store_id"] != store_id:
            return _json({"APIConnect": "INVALID_REQUEST"})
        return _broken(state, "query", session.tran_id) or _json(
            _of_session(state, session)
        )
    if by == "tran_id":
        listed = _elements(state, store_id, asked["tran_id"])
        return _broken(state, "query", asked["tran_id"]) or _json(
            {
                "APIConnect": "DONE",
                "no_of_trans_found": len(listed),
                "element": listed,
            }
        )
    return _json({"APIConnect": "INVALID_REQUEST"})


def _elements(
    state: SslcommerzState, store_id: str, tran_id: str
) -> list[dict[str, object]]:
    with state.lock:
        return [
            _element(state, session, one)
            for session in state.of_tran_id(store_id, tran_id)
            for one in session.tries
        ]


def _element(state: SslcommerzState, session: Session, one: Try) -> dict[str, object]:
    told = {**_told(state, session, one), "error": one.error}
    if state.faults.strikes("pending", session.tran_id, one.val_id) and one.val_id:
        told |= {"status": "PENDING", "val_id": ""}
    return told


def _of_session(state: SslcommerzState, session: Session) -> dict[str, object]:
    with state.lock:
        if session.tries:
            told = _element(state, session, session.tries[-1])
        else:
            told = {"APIConnect": "DONE", "status": "PENDING"}
    return told | {"sessionkey": session.key, "tran_id": session.tran_id}
