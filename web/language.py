"""English and Bangla: the operator's, else the customer's, else the browser's."""

from flask import Flask, g, has_request_context, request, session
from flask_babel import Babel

LANGUAGES = {"en": "English", "bn": "বাংলা"}
_KEPT = "language"


def speak(app: Flask) -> None:
    """Let an app speak the language of who asks."""
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = "translations"
    Babel(app, locale_selector=language)
    app.jinja_env.globals["languages"] = LANGUAGES
    app.jinja_env.globals["language"] = language


def language() -> str:
    """Return the language of this request: en or bn."""
    if not has_request_context():
        return "en"
    own = g.get("language") or session.get(_KEPT)
    if own in LANGUAGES:
        return str(own)
    return request.accept_languages.best_match(LANGUAGES) or "en"


def keep_language(chosen: str) -> None:
    """Keep a visitor's choice in his page cookie."""
    if chosen in LANGUAGES:
        session[_KEPT] = chosen
