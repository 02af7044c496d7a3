"""What people see when something is wrong: what it is, and what to do."""

import logging

import psycopg
from flask import Flask, Response, g, render_template, request
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import BadRequest, HTTPException

from billing_core.errors import BillingError
from billing_core.services.throttle import TooManyTriesError
from web.refusals import told

log = logging.getLogger(__name__)


def register(app: Flask) -> None:
    """Let an app answer errors with pages."""
    app.register_error_handler(psycopg.OperationalError, _database_away)
    app.register_error_handler(psycopg.DataError, _not_storable)
    app.register_error_handler(TooManyTriesError, _too_many)
    app.register_error_handler(BillingError, _refused)
    app.register_error_handler(CSRFError, _stale_form)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _broken)


def _database_away(error: Exception) -> Response:
    log.warning("web.database_away error=%s", str(error).strip())
    return _page(
        503,
        _("The database does not answer"),
        _("Try again in a moment. Logins and accounting go on by their own rules."),
        {"Retry-After": "5"},
    )


def _not_storable(error: Exception) -> Response:
    """Tell of what PostgreSQL cannot even be asked for: a NUL, a number without end."""
    log.warning("web.not_storable error=%s", str(error).strip(), exc_info=error)
    return _http(BadRequest())


def _too_many(error: TooManyTriesError) -> Response:
    headers = {"Retry-After": str(error.wait_seconds)}
    return _page(429, _("Too many tries"), told(error), headers)


def _refused(error: BillingError) -> Response:
    """Tell of a broken rule that no form of the page could show at its field."""
    return _page(422, _("That cannot be done"), told(error))


def _stale_form(error: CSRFError) -> Response:
    log.info("web.csrf reason=%s", error.description)
    return _page(
        400,
        _("This form is out of date"),
        _("Go back, load the page anew and send it again: nothing was changed."),
    )


def _http(error: HTTPException) -> Response:
    code = error.code or 500
    title, text = {
        400: (_("That was not understood"), _("The address or form is not complete.")),
        403: (
            _("This is not for you"),
            _("Your role does not allow it. An administrator can change that."),
        ),
        404: (
            _("There is no such page"),
            _("It may have gone, or belong to somebody else."),
        ),
        405: (_("That cannot be done here"), _("Go back and use the page's buttons.")),
        413: (_("That file is too large"), _("Split it and send the parts.")),
    }.get(code, (error.name, error.description or ""))
    return _page(code, title, text)


def _broken(error: Exception) -> Response:
    log.exception("web.broken", exc_info=error)
    return _page(
        500,
        _("Something broke"),
        _("It is in the log, under the number below. Nothing was half written."),
    )


def _page(
    status: int, title: str, text: str, headers: dict[str, str] | None = None
) -> Response:
    page = render_template(
        "error.html",
        title=title,
        text=text,
        request_id=g.get("request_id", ""),
        # Without asking the database again: it may be what is wrong.
        is_operator="operator" in g,
        came_from=request.referrer,
    )
    return Response(page, status, headers)
