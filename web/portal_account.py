"""A customer's own password."""

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from billing_core.errors import BillingError
from billing_core.kinds import STATIC
from billing_core.services.portal_logins import (
    WrongPasswordError,
    change_own_password,
)
from billing_core.services.throttle import TooManyTriesError
from billing_core.services.web_logins import token_hash
from web.access import Page, current_customer, portal_pages, session_token
from web.desk import desk
from web.forms import DataRequired, Length, OperatorForm, PasswordField
from web.portal_words import tell

pages = portal_pages("portal_account", "/portal/password")


class PasswordForm(OperatorForm):
    """Another password."""

    old = PasswordField(_l("Password now"), [DataRequired(), Length(max=128)])
    new = PasswordField(
        _l("New password"),
        [DataRequired(), Length(max=128)],
        description=_l("At least 8 characters."),
    )


@pages.route("", methods=["GET", "POST"])
def form() -> Page:
    """Change his password; his other portal logins end."""
    at, customer, sent = desk(), current_customer(), PasswordForm()
    status = 200
    if request.method == "POST":
        status = 422
        if sent.validate():
            try:
                change_own_password(
                    at.conn,
                    customer,
                    sent.old.data,
                    sent.new.data,
                    secret_key=at.settings.secret_key,
                    keep_session=token_hash(session_token() or ""),
                    actor=at.actor,
                    now=at.now,
                )
            except TooManyTriesError as error:
                tell(sent, error)
                status = 429
            except BillingError as error:
                tell(sent, error, "old" if _is_wrong(error) else "new")
            else:
                flash(_("Your password is changed."))
                return redirect(url_for("portal.index"), 303)
    page = render_template(
        "portal/password.html", form=sent, has_password=customer.kind != STATIC
    )
    return page, status


def _is_wrong(error: BillingError) -> bool:
    return isinstance(error, WrongPasswordError)
