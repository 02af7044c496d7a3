"""English and Bangla: the operator's, else the customer's, else the browser's."""

from pathlib import Path

from flask import Flask, g, has_request_context, request, session
from flask_babel import Babel

#: The catalogues, one folder a language.
FOLDER = Path(__file__).parent / "translations"
LANGUAGES = {"en": "English", "bn": "বাংলা"}
_KEPT, _BY_CHOICE = "language", "language_by_choice"


def speak(app: Flask) -> None:
    """Let an app speak the language of who asks."""
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(FOLDER)
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


def keep_language(chosen: str, *, by_choice: bool = True) -> None:
    """Keep a visitor's choice, or what was spoken before, in his page cookie."""
    if chosen in LANGUAGES:
        session[_KEPT] = chosen
        session[_BY_CHOICE] = by_choice


def chosen_language() -> str | None:
    """Return the language that somebody chose on the way to his login, if he did."""
    return session.get(_KEPT) if session.get(_BY_CHOICE) else None
