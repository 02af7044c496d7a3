"""Headers, cookies and forms that nobody else can use; request ids and their log."""

import hmac
import logging
import re
import secrets
import time
from urllib.parse import urlsplit

from flask import Flask, Response, g, has_request_context, request
from flask.sessions import SecureCookieSessionInterface
from flask_wtf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from billing_core.log_lines import LineFormatter
from billing_core.settings import Settings
from web.desk import settings

log = logging.getLogger("web.request")

_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
# A CSV of customers fits; what is larger is refused before it is read.
_UPLOAD_OCTETS_MAX = 8 * 10**6
#: No script and no style stands in a page: only files of our own are run. Pico draws
#: its icons from data: URIs.
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self';"
    " base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}

csrf = CSRFProtect()


class _Sessions(SecureCookieSessionInterface):
    """Flask's signed cookie, for CSRF and notices; who is logged in is not in it."""

    def get_cookie_secure(self, app: Flask) -> bool:
        """Keep it off clear text wherever the page itself came by TLS."""
        return comes_by_tls()


def comes_by_tls() -> bool:
    """Tell whether the visitor's browser speaks TLS, with us or with our proxy.

    Also where nobody told us of the proxy: what is asked for by the host of a public
    address that is https is not asked for in clear text.
    """
    public = urlsplit(settings().payments.public_url or "")
    return request.is_secure or (
        public.scheme == "https" and request.host == public.netloc
    )


def secure(app: Flask, installation: Settings) -> None:
    """Make an app refuse what is not meant for it."""
    app.config.update(
        SECRET_KEY=hmac.digest(installation.secret_key, b"khata web cookies", "sha256"),
        SESSION_COOKIE_NAME="khata_page",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=_UPLOAD_OCTETS_MAX,
        # As long as the page's cookie: a form left open over lunch is not lost.
        WTF_CSRF_TIME_LIMIT=None,
    )
    app.session_interface = _Sessions()
    if installation.trusted_proxies:
        # Only what so many proxies of our own wrote last is believed.
        hops = installation.trusted_proxies
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops
        )
    csrf.init_app(app)
    app.before_request(_begin)
    app.after_request(_finish)


def let_forms_lead_to_gateways() -> None:
    """Let this page's forms end at a payment gateway's page.

    Browsers hold form-action against the redirects that follow a form, too. Only what
    stands in for a gateway on this machine is at an address without TLS.
    """
    payments = settings().payments
    gateways = (payments.bkash, payments.nagad, payments.sslcommerz)
    urls = (gateway.base_url for gateway in gateways if gateway)
    plain = (f" http://{urlsplit(url).netloc}" for url in urls if _is_plain(url))
    g.forms_lead_to = " https:" + "".join(plain)


def _is_plain(url: str) -> bool:
    return urlsplit(url).scheme == "http"


def log_with_request_ids(level: str) -> None:
    """Write the log to standard error, each line with its request's id."""
    handler = logging.StreamHandler()
    handler.addFilter(_add_request_id)
    handler.setFormatter(
        LineFormatter(
            "%(asctime)s %(levelname)s %(name)s %(message)s request=%(request_id)s"
        )
    )
    logging.basicConfig(level=level, handlers=[handler])


def _add_request_id(record: logging.LogRecord) -> bool:
    record.request_id = g.get("request_id", "-") if has_request_context() else "-"
    return True


def _begin() -> None:
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
    g.began = time.monotonic()


def _finish(response: Response) -> Response:
    policy = CONTENT_POLICY + g.get("forms_lead_to", "")
    response.headers.setdefault("Content-Security-Policy", policy)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["X-Request-Id"] = g.get("request_id", "-")
    if comes_by_tls():
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if request.endpoint != "static":
        # Pages show customers: no shared cache and no back button after a logout.
        response.headers.setdefault("Cache-Control", "no-store")
    took_ms = (time.monotonic() - g.get("began", time.monotonic())) * 1000
    # Never the query string: it may hold a name or a number that was searched for.
    log.info(
        "web.answer method=%s endpoint=%s status=%s ms=%.0f actor=%s",
        request.method,
        request.endpoint,
        response.status_code,
        took_ms,
        g.get("actor", "-"),
    )
    return response
