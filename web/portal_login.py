"""Log in to the customers' portal, by password or by a code, and out."""

from flask import (
    Response,
    g,
    jsonify,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_babel import lazy_gettext as _l

from billing_core.db.customers import set_language
from billing_core.errors import BillingError
from billing_core.messages import Locality
from billing_core.services import customer_logins, web_logins
from billing_core.services.portal_logins import send_code
from billing_core.services.portal_names import AmbiguousNumberError
from billing_core.services.throttle import TooManyTriesError
from billing_core.taka import to_latin_digits
from web import access, hotspot_place, portal_words
from web.access import Page
from web.desk import Desk, desk, settings
from web.forms import (
    DataRequired,
    HiddenField,
    Length,
    OperatorForm,
    PasswordField,
    StringField,
)
from web.language import chosen_language, keep_language, language
from web.portal_words import tell

pages = access.public_pages("portal_login", "/portal")
pages.record_once(portal_words.register)
_NAME = [DataRequired(), Length(max=128)]
#: Where the page cookie keeps for whom a code was asked.
_CODE_FOR = "code_for"


class LoginForm(OperatorForm):
    """Who he is, by his password."""

    username = StringField(
        _l("Username or mobile number"),
        _NAME,
        description=_l("As your provider knows you."),
    )
    password = PasswordField(_l("Password"), [DataRequired(), Length(max=128)])
    next = HiddenField()


class NameForm(OperatorForm):
    """Whom to send a code to."""

    username = StringField(_l("Username or mobile number"), _NAME)
    next = HiddenField()


class CodeForm(OperatorForm):
    """The code that was sent."""

    code = StringField(_l("Code"), [DataRequired(), Length(4, 20)])
    next = HiddenField()


@pages.app_context_processor
def _who_is_here() -> dict[str, object]:
    provider = settings().reminders.provider or "Khata"
    return {"is_customer": "customer_id" in g, "provider": provider}


@pages.get("/login")
def form() -> Page:
    """Ask who it is."""
    access.see_who()
    if "customer_id" in g:
        return redirect(url_for("portal.index"), 303)
    return _login(LoginForm(next=request.args.get("next")))


@pages.post("/login")
def log_in() -> Page:
    """Let a customer in by the password of his connection."""
    sent, at = LoginForm(), desk()
    if not sent.validate():
        return _login(sent, 422)
    try:
        opened = customer_logins.log_in_customer(
            at.conn,
            sent.username.data,
            sent.password.data,
            secret_key=at.settings.secret_key,
            address=request.remote_addr or "",
            now=at.now,
        )
    except BillingError as error:
        tell(sent, error)
        return _login(sent, _status_of(error))
    return _entered(at, opened, sent.next.data)


@pages.post("/code")
def ask_code() -> Page:
    """Send a code; whether there is such a customer is not told."""
    sent, at = NameForm(), desk()
    channels = _channels()
    if not channels:
        return redirect(url_for("portal_login.form"), 303)
    if not sent.validate():
        shown = LoginForm()
        shown.username.errors = sent.username.errors
        return _login(shown, 422)
    try:
        send_code(
            at.conn,
            sent.username.data,
            channels=channels,
            locality=Locality(
                at.settings.zone,
                at.settings.currency,
                at.settings.reminders.provider,
            ),
            secret_key=at.settings.secret_key,
            address=request.remote_addr or "",
            now=at.now,
        )
    except (TooManyTriesError, AmbiguousNumberError) as error:
        shown = LoginForm()
        tell(shown, error)
        return _login(shown, _status_of(error))
    session[_CODE_FOR] = sent.username.data
    return redirect(url_for("portal_login.code", next=sent.next.data or None), 303)


@pages.get("/code")
def code() -> Page:
    """Ask for the code."""
    if _CODE_FOR not in session:
        return redirect(url_for("portal_login.form"), 303)
    return _code(CodeForm(next=request.args.get("next")))


@pages.post("/code/enter")
def log_in_by_code() -> Page:
    """Let a customer in by the code that was sent to him."""
    username = session.get(_CODE_FOR)
    if username is None:
        return redirect(url_for("portal_login.form"), 303)
    sent, at = CodeForm(), desk()
    if not sent.validate():
        return _code(sent, 422)
    try:
        opened = customer_logins.log_in_with_code(
            at.conn,
            username,
            to_latin_digits(sent.code.data),
            secret_key=at.settings.secret_key,
            address=request.remote_addr or "",
            now=at.now,
        )
    except BillingError as error:
        tell(sent, error, "code")
        return _code(sent, _status_of(error))
    return _entered(at, opened, sent.next.data)


@pages.post("/logout")
def log_out() -> Page:
    """End the session, here and in the database."""
    access.see_who()
    token, spoken = access.session_token(), language()
    if token is not None:
        web_logins.log_out(desk().conn, token)
    session.clear()
    keep_language(spoken, by_choice=False)
    response = redirect(url_for("portal_login.form"), 303)
    response.delete_cookie(access.COOKIE, path="/", httponly=True, samesite="Lax")
    return response


@pages.get("/app.webmanifest")
def manifest() -> Response:
    """Tell phones how to put the portal among their apps."""
    name = settings().reminders.provider or "Khata"

    def icon(size: int, purpose: str) -> dict[str, str]:
        file = f"portal/icon-{purpose}-{size}.png"
        return {
            "src": url_for("static", filename=file),
            "sizes": f"{size}x{size}",
            "type": "image/png",
            "purpose": purpose,
        }

    response = jsonify(
        id="/portal",
        name=name,
        short_name=name[:12],
        lang=language(),
        start_url=url_for("portal.index"),
        # The whole site: paying leaves the portal's pages and comes back.
        scope="/",
        display="standalone",
        background_color="#f7f6f3",
        theme_color="#9b1c2e",
        icons=[icon(s, p) for p in ("any", "maskable") for s in (192, 512)],
    )
    response.mimetype = "application/manifest+json"
    return response


def _entered(at: Desk, opened: web_logins.Opened, target: str | None) -> Page:
    """Begin anew under the new cookie: nothing of what was there before stays."""
    before, chosen = access.session_token(), chosen_language()
    # But where he waits: he logs in so as to pay for being let in there.
    waits_at = session.get(hotspot_place.KEPT)
    if before is not None:
        web_logins.log_out(at.conn, before)
    session.clear()
    if chosen is not None:
        keep_language(chosen, by_choice=False)
        entered = web_logins.see_session(at.conn, opened.token, at.now)
        if entered is not None and entered.customer_id is not None:
            set_language(at.conn, entered.customer_id, chosen)
    if waits_at is not None:
        session[hotspot_place.KEPT] = waits_at
    response = redirect(access.safe_next(target) or url_for("portal.index"), 303)
    access.set_session_cookie(response, opened.token)
    return response


def _login(form: LoginForm, status: int = 200) -> Page:
    page = render_template("portal/login.html", form=form, sends_codes=_channels())
    return page, status


def _code(form: CodeForm, status: int = 200) -> Page:
    page = render_template(
        "portal/code.html", form=form, username=session.get(_CODE_FOR, "")
    )
    return page, status


def _status_of(error: BillingError) -> int:
    return 429 if isinstance(error, TooManyTriesError) else 422


def _channels() -> frozenset[str]:
    """Return the ways that a code can go."""
    ways = (("sms", settings().sms_gateway), ("mail", settings().mail_server))
    return frozenset(name for name, way in ways if way is not None)
