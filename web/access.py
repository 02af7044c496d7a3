"""Who may see and do what: the one place that decides it.

Every blueprint says for whom it is when it is made here; a page of a blueprint that
did not is for nobody. What a list shows is cut by `current_operator().scope` in its
SQL; what a page shows by its id is fetched by `my_customer` and its like, and is not
found when it is another's.
"""

from dataclasses import dataclass

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    g,
    redirect,
    request,
    url_for,
)
from werkzeug.wrappers import Response as AnyResponse
from wtforms import Form

from billing_core.db import payments as payments_db
from billing_core.db import web_customers as customers_db
from billing_core.db import web_payments as web_payments_db
from billing_core.db import web_verify as verify_db
from billing_core.db.corrections import BillStanding, read_bill
from billing_core.db.customers import Customer, UnknownCustomerError, read_customer
from billing_core.db.payments import Attempt
from billing_core.db.receipts import Receipt, UnknownReceiptError, read_receipt
from billing_core.db.sessions import UnknownSessionError, read_session
from billing_core.db.web_sessions import WebSession
from billing_core.permissions import ADMIN, MANAGER, Permission, Rank, allowed
from billing_core.services.web_logins import see_session
from web.desk import connection, now
from web.secure import comes_by_tls

COOKIE = "khata_session"
#: What a view returns.
Page = str | AnyResponse | tuple[str, int]
_PUBLIC, _OPERATORS, _CUSTOMERS = "public", "operators", "customers"
_AUDIENCES: dict[str, str] = {}
_NEEDS: dict[str, Permission] = {}


@dataclass(frozen=True, slots=True)
class CurrentOperator:
    """The operator who is logged in."""

    operator_id: int
    username: str
    name: str
    role: str
    may: frozenset[Permission]
    #: Operators whose customers he sees; None = everybody's.
    scope: list[int] | None
    has_totp: bool

    @property
    def owner(self) -> int | None:
        """Return whose the customers are that he takes on; None = the provider's."""
        if self.scope is None:
            return None
        return self.scope[0]


def public_pages(name: str, prefix: str | None = None) -> Blueprint:
    """Make a blueprint for everybody, logged in or not."""
    return _pages(name, prefix, _PUBLIC)


def operator_pages(
    name: str, prefix: str | None = None, *, needs: Permission | None = None
) -> Blueprint:
    """Make a blueprint for operators; with `needs`, for those who may that."""
    if needs is not None:
        _NEEDS[name] = needs
    return _pages(name, prefix, _OPERATORS)


def portal_pages(name: str, prefix: str | None = None) -> Blueprint:
    """Make a blueprint for customers who are logged in to the portal."""
    return _pages(name, prefix, _CUSTOMERS)


def guard(app: Flask) -> None:
    """Check every request before any page of the app sees it."""
    app.before_request(_check)


def require(*permissions: Permission) -> None:
    """End the request unless the operator may do all of this."""
    if not current_operator().may.issuperset(permissions):
        abort(403)


def keep_for(permission: Permission, form: Form, *names: str) -> None:
    """Leave fields out of a form unless the operator may do this.

    Whoever sends them nevertheless is refused, as `require` would: what he asked for is
    not done in part.
    """
    if may(permission):
        return
    for name in names:
        if request.form.get(name, "").strip():
            abort(403)
        del form[name]


def may(permission: Permission | str) -> bool:
    """Tell whether the operator may do this; nobody logged in may nothing."""
    operator: CurrentOperator | None = g.get("operator")
    return operator is not None and Permission(permission) in operator.may


def may_open(endpoint: str) -> bool:
    """Tell whether the operator may do what all pages of an endpoint's blueprint need.

    A page may need more.
    """
    needed = _NEEDS.get(endpoint.rpartition(".")[0])
    return needed is None or may(needed)


def current_operator() -> CurrentOperator:
    """Return the operator who is logged in; pages for operators have one."""
    operator: CurrentOperator | None = g.get("operator")
    if operator is None:
        abort(403)
    return operator


def current_customer_id() -> int:
    """Return the customer who is logged in; pages of the portal have one."""
    customer_id: int | None = g.get("customer_id")
    if customer_id is None:
        abort(403)
    return customer_id


def current_customer() -> Customer:
    """Return who is logged in to the portal, as he stands."""
    return read_customer(connection(), current_customer_id())


def own_bill(bill_id: int) -> BillStanding:
    """Return a bill of the customer who is logged in; another's is not found."""
    customer_id = current_customer_id()
    if not customers_db.is_bill_of(connection(), customer_id, bill_id, None):
        abort(404)
    return read_bill(connection(), customer_id, bill_id)


def own_receipt(payment_id: int) -> Receipt:
    """Return a payment of the customer who is logged in; another's is not found."""
    try:
        return read_receipt(connection(), current_customer_id(), payment_id)
    except UnknownReceiptError:
        abort(404)


def my_customer(customer_id: int) -> Customer:
    """Return a customer of the operator's; another's is not found."""
    scope = current_operator().scope
    if not customers_db.is_customer_of(connection(), customer_id, scope):
        abort(404)
    try:
        return read_customer(connection(), customer_id)
    except UnknownCustomerError:
        abort(404)


def my_bill(customer_id: int, bill_id: int) -> BillStanding:
    """Return a bill of the operator's; another's is not found."""
    scope = current_operator().scope
    if not customers_db.is_bill_of(connection(), customer_id, bill_id, scope):
        abort(404)
    return read_bill(connection(), customer_id, bill_id)


def my_attempt(customer_id: int, attempt_id: int) -> Attempt:
    """Return a try to pay of a customer of the operator's; another's is not found."""
    scope = current_operator().scope
    if not verify_db.is_attempt_of(connection(), customer_id, attempt_id, scope):
        abort(404)
    return payments_db.read_attempt(connection(), attempt_id)


def my_payment(customer_id: int, payment_id: int) -> Receipt:
    """Return a payment of a customer of the operator's; another's is not found."""
    scope = current_operator().scope
    if not web_payments_db.is_payment_of(connection(), customer_id, payment_id, scope):
        abort(404)
    return read_receipt(connection(), customer_id, payment_id)


def my_session(customer_id: int, session_id: int) -> Customer:
    """Return the operator's customer whose session this is; another's is not found."""
    customer = my_customer(customer_id)
    try:
        read_session(connection(), customer_id, session_id)
    except UnknownSessionError:
        abort(404)
    return customer


def session_token() -> str | None:
    """Return the cookie of the login, whatever it is worth."""
    return request.cookies.get(COOKIE)


def set_session_cookie(response: AnyResponse, token: str) -> None:
    """Give the cookie of a login that was opened now."""
    response.set_cookie(
        COOKIE, token, httponly=True, samesite="Lax", secure=comes_by_tls(), path="/"
    )


def safe_next(target: str | None) -> str | None:
    """Return where to go after a login, if it is a page of ours."""
    if not target or not target.startswith("/") or target.startswith("//"):
        return None
    # Browsers leave tabs and line ends out and take \ for /: with a tab between them,
    # "/" and "\elsewhere" are "//elsewhere", another site.
    return target if target.isprintable() and "\\" not in target else None


def see_who() -> None:
    """Look once a request who is logged in."""
    if "seen" in g:
        return
    g.seen = True
    token = session_token()
    if token is None:
        return
    found = see_session(connection(), token, now())
    if found is None:
        return
    if found.awaits_code:
        g.awaiting = found
    elif found.customer_id is not None:
        g.customer_id = found.customer_id
        g.actor = f"customer:{found.customer_username}"
        g.language = found.language
    else:
        g.operator = _as_operator(found)
        g.actor = f"operator:{found.username}"
        g.language = found.language


def _pages(name: str, prefix: str | None, audience: str) -> Blueprint:
    _AUDIENCES[name] = audience
    return Blueprint(name, f"web.{name}", url_prefix=prefix)


def _check() -> AnyResponse | None:
    if request.endpoint in (None, "static"):
        return None
    blueprint = request.blueprint or ""
    audience = _AUDIENCES.get(blueprint)
    if audience is None:
        abort(403)
    if audience == _PUBLIC:
        return None
    see_who()
    if audience == _OPERATORS:
        if "operator" not in g:
            return _to_login("login.form")
        needed = _NEEDS.get(blueprint)
        if needed is not None:
            require(needed)
        return None
    return None if "customer_id" in g else _to_login("portal_login.form")


def _to_login(endpoint: str) -> AnyResponse:
    address = url_for(endpoint, next=_back_after_login())
    if "HX-Request" in request.headers:
        # htmx would put the login form where the part of the page was.
        return Response(status=204, headers={"HX-Redirect": url_for(endpoint)})
    return redirect(address, 303)


def _back_after_login() -> str | None:
    """Return this page, or the one that the form stands on which came too late."""
    adapter = current_app.create_url_adapter(request)
    if adapter is None or not adapter.test(request.path, method="GET"):
        return None
    return request.full_path.rstrip("?")


def _as_operator(found: WebSession) -> CurrentOperator:
    assert found.operator_id is not None  # noqa: S101 - no customer's session
    assert found.role is not None  # noqa: S101
    own = Rank(found.role, frozenset(found.permissions or ()))
    above = [
        Rank(words[0], frozenset(words[1:]))
        for words in map(str.split, found.superiors)
    ]
    everything = found.role == ADMIN or (
        found.role == MANAGER and found.parent_id is None
    )
    return CurrentOperator(
        operator_id=found.operator_id,
        username=found.username or "",
        name=found.name or "",
        role=found.role,
        may=allowed(own, above),
        scope=None if everything else found.subordinates,
        has_totp=found.has_totp,
    )
