"""The web app: how the installation is doing, and whether it is well."""

import logging

import psycopg
from flask import Flask

from billing_core.settings import Settings, load_settings
from web import overview

log = logging.getLogger(__name__)


def create_app(settings: Settings | None = None) -> Flask:
    """Make the app; one blueprint a module."""
    app = Flask(__name__)
    app.config["KHATA"] = settings or load_settings()
    app.register_blueprint(overview.pages)
    app.register_error_handler(psycopg.OperationalError, _database_away)
    return app


def _database_away(error: Exception) -> tuple[str, int, dict[str, str]]:
    log.warning("web.database_away error=%s", str(error).strip())
    text = "The database does not answer; try again in a moment.\n"
    return text, 503, {"Content-Type": "text/plain; charset=utf-8", "Retry-After": "5"}
