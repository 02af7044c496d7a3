"""Log in and out; one's own password, second factor and language."""

import segno
from flask import flash, g, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from billing_core.db.customers import set_language as set_customer_language
from billing_core.db.operators import set_operator_language
from billing_core.errors import BillingError
from billing_core.operator_passwords import (
    PASSWORD_LENGTH_MAX,
    PASSWORD_LENGTH_MIN,
)
from billing_core.passwords import open_password, seal_password
from billing_core.services import operators, web_logins
from billing_core.services.throttle import TooManyTriesError
from web import access
from web.access import Page
from web.desk import desk, settings
from web.forms import (
    DataRequired,
    HiddenField,
    Length,
    OperatorForm,
    PasswordField,
    StringField,
    refuse,
)
from web.language import LANGUAGES, keep_language

pages = access.public_pages("login")
account = access.operator_pages("account", "/account")


class LoginForm(OperatorForm):
    """Who one is."""

    username = StringField(_l("Username"), [DataRequired(), Length(max=63)])
    password = PasswordField(
        _l("Password"), [DataRequired(), Length(max=PASSWORD_LENGTH_MAX)]
    )
    next = HiddenField()


class CodeForm(OperatorForm):
    """The authenticator's code."""

    code = StringField(_l("Code"), [DataRequired(), Length(6, 10)])
    next = HiddenField()


class PasswordForm(OperatorForm):
    """A new password of one's own."""

    old = PasswordField(_l("Password now"), [DataRequired(), Length(max=200)])
    new = PasswordField(
        _l("New password"),
        [DataRequired(), Length(PASSWORD_LENGTH_MIN, PASSWORD_LENGTH_MAX)],
    )


class EnrolForm(OperatorForm):
    """A second factor to enrol: its sealed secret comes back with the code."""

    password = PasswordField(
        _l("Password"), [DataRequired(), Length(max=PASSWORD_LENGTH_MAX)]
    )
    sealed = HiddenField(validators=[DataRequired(), Length(max=400)])
    code = StringField(_l("Code"), [DataRequired(), Length(6, 10)])


class PlainForm(OperatorForm):
    """Nothing but the button."""


@pages.get("/login")
def form() -> Page:
    """Ask who it is."""
    access.see_who()
    if "operator" in g:
        return redirect(url_for("overview.index"), 303)
    shown = LoginForm(next=request.args.get("next"))
    return render_template("login.html", form=shown)


@pages.post("/login")
def log_in() -> Page:
    """Let somebody in by username and password."""
    sent = LoginForm()
    if not sent.validate():
        return render_template("login.html", form=sent), 422
    at = desk()
    try:
        opened = web_logins.log_in_operator(
            at.conn,
            sent.username.data.lower(),
            sent.password.data,
            address=request.remote_addr or "",
            now=at.now,
        )
    except web_logins.WrongLoginError:
        sent.form_errors.append(_("Username or password is wrong."))
        return render_template("login.html", form=sent), 422
    if opened.awaits_code:
        return _entered(opened, url_for("login.code_form", next=sent.next.data or None))
    return _entered(opened, access.safe_next(sent.next.data))


@pages.get("/login/code")
def code_form() -> Page:
    """Ask for the authenticator's code."""
    access.see_who()
    if "awaiting" not in g:
        return redirect(url_for("login.form"), 303)
    return render_template(
        "login_code.html", form=CodeForm(next=request.args.get("next"))
    )


@pages.post("/login/code")
def log_in_by_code() -> Page:
    """Let in whose password was right, by the code."""
    access.see_who()
    awaiting, token = g.get("awaiting"), access.session_token()
    if awaiting is None or token is None:
        return redirect(url_for("login.form"), 303)
    sent = CodeForm()
    at = desk()
    if sent.validate():
        try:
            opened = web_logins.finish_operator_login(
                at.conn,
                awaiting.operator_id,
                awaiting.username,
                sent.code.data,
                token=token,
                secret_key=at.settings.secret_key,
                address=request.remote_addr or "",
                now=at.now,
            )
            return _entered(opened, access.safe_next(sent.next.data))
        except TooManyTriesError:
            raise
        except BillingError as error:
            refuse(sent, error, "code")
    return render_template("login_code.html", form=sent), 422


@pages.post("/logout")
def log_out() -> Response:
    """End the session, here and in the database."""
    token = access.session_token()
    if token is not None:
        web_logins.log_out(desk().conn, token)
    session.clear()
    response = redirect(url_for("login.form"), 303)
    response.delete_cookie(access.COOKIE, path="/", httponly=True, samesite="Lax")
    return response


@pages.post("/language")
def choose_language() -> Response:
    """Speak another language from here on."""
    access.see_who()
    chosen = request.form.get("language", "")
    if chosen in LANGUAGES:
        keep_language(chosen)
        if "operator" in g:
            set_operator_language(desk().conn, g.operator.operator_id, chosen)
        elif "customer_id" in g:
            set_customer_language(desk().conn, g.customer_id, chosen)
    return redirect(access.safe_next(request.form.get("next")) or "/", 303)


@account.get("")
def index() -> str:
    """Show what one may do, and change one's own password and second factor."""
    return _account(PasswordForm())


@account.post("/password")
def change_password() -> Page:
    """Replace one's own password; other sessions of one's own end."""
    sent, at, me = PasswordForm(), desk(), access.current_operator()
    if sent.validate():
        try:
            web_logins.check_own_password(
                at.conn, me.operator_id, sent.old.data, now=at.now
            )
        except web_logins.NotHisPasswordError:
            sent.old.errors = [_("That is not your password.")]
        else:
            operators.set_password(
                at.conn,
                me.username,
                sent.new.data,
                actor=at.actor,
                now=at.now,
                but=_this_login(),
            )
            flash(_("Your password is changed; other sessions of yours have ended."))
            return redirect(url_for("account.index"), 303)
    return _account(sent), 422


@account.get("/second-factor")
def enrol_form() -> str:
    """Show a new secret as a picture to scan."""
    secret = operators.new_totp_secret()
    return _enrol(EnrolForm(sealed=_seal(secret)), secret)


@account.post("/second-factor")
def enrol() -> Page:
    """Enrol the secret, once its first code shows that it was scanned."""
    sent, at, me = EnrolForm(), desk(), access.current_operator()
    secret = _unseal(sent.sealed.data or "")
    if secret is None:
        return redirect(url_for("account.enrol_form"), 303)
    if not sent.validate():
        return _enrol(sent, secret), 422
    try:
        web_logins.check_own_password(
            at.conn, me.operator_id, sent.password.data, now=at.now
        )
    except web_logins.NotHisPasswordError:
        sent.password.errors = [_("That is not your password.")]
        return _enrol(sent, secret), 422
    if not web_logins.is_totp_code(secret, sent.code.data, at.now):
        sent.code.errors = [_("That is not its code; is the phone's clock right?")]
        return _enrol(sent, secret), 422
    operators.set_totp(
        at.conn,
        me.username,
        secret,
        secret_key=at.settings.secret_key,
        actor=at.actor,
        now=at.now,
        but=_this_login(),
    )
    flash(_("From now on a login asks for your authenticator's code."))
    return redirect(url_for("account.index"), 303)


def _entered(opened: web_logins.Opened, target: str | None) -> Response:
    """Begin anew under the new cookie: nothing of what was there before stays."""
    before, kept = access.session_token(), session.get("language")
    if before is not None:
        web_logins.log_out(desk().conn, before)
    session.clear()
    if kept:
        keep_language(kept)
    response = redirect(target or url_for("overview.index"), 303)
    access.set_session_cookie(response, opened.token)
    return response


def _this_login() -> bytes:
    return web_logins.token_hash(access.session_token() or "")


def _seal(secret: str) -> str:
    """Seal a secret for the form: with whose it is, so that no other is opened here."""
    owner = access.current_operator().operator_id
    return seal_password(settings().secret_key, f"totp {owner} {secret}").hex()


def _unseal(sealed: str) -> str | None:
    """Return a secret that was sealed for this operator's form; None = it was not."""
    try:
        text = open_password(settings().secret_key, bytes.fromhex(sealed))
    except (ValueError, BillingError):
        return None
    owner = f"totp {access.current_operator().operator_id} "
    return text.removeprefix(owner) if text.startswith(owner) else None


def _account(form: PasswordForm) -> str:
    return render_template(
        "account.html", form=form, plain=PlainForm(), me=access.current_operator()
    )


def _enrol(form: EnrolForm, secret: str) -> str:
    name = access.current_operator().username
    address = f"otpauth://totp/Khata:{name}?secret={secret}&issuer=Khata"
    return render_template(
        "second_factor.html",
        form=form,
        secret=secret,
        picture=segno.make(address, error="m").svg_data_uri(scale=4, border=2),
    )
