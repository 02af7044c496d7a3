"""What FreeRADIUS calls, and the only place that knows FreeRADIUS.

authorize: parse the request, ask the database, decide, encode. The decision carries the
clear password, so that FreeRADIUS itself checks PAP, CHAP, MS-CHAPv2 or EAP. A refusal
carries it too: its reason is told only to who knows the password. post_auth: open the
session that was granted, if that can be done together with others.

FAIL means "could not decide"; what happens then is the policy in freeradius/config,
never Python's. Any number of threads call at once (parallel.py); what they share is
replaced as a whole, never changed in place.
"""

import sys

# Before anything is imported: FreeRADIUS appends its python_path (radius.md §1.1), so
# that the distribution's old cryptography and psycopg would be taken instead of those
# we are tested with.
sys.path.sort(key=lambda folder: folder.endswith("/dist-packages"))

import ctypes
import gc
import os
import time
from datetime import UTC, date, datetime
from typing import NamedTuple

import radiusd

from billing_core.access import Reject, RejectReason
from billing_core.decisions import decide_access
from billing_core.hotspot_keys import open_key
from billing_core.passwords import open_password
from billing_core.service_days import day_bounds, service_date
from billing_core.settings import Settings, load_settings
from radius_module.access_database import AccessDatabase
from radius_module.attributes import MalformedRequestError, parse_access_request
from radius_module.grants import grant_words
from radius_module.libpq import DatabaseAwayError, QuestionRefusedError
from radius_module.line import Line
from radius_module.parallel import lift_lock
from radius_module.proofs import is_by_key
from radius_module.replies import (
    REJECT_MESSAGES,
    Pairs,
    class_value,
    encode_accept,
    encode_text,
)
from radius_module.session_opening import OPENING, open_plain_session

Answer = int | tuple[int, Pairs, Pairs]

# rlm_python3 hands back every value as empty in these (radius.md §0.4).
_BROKEN_VERSIONS = ("3.2.9", "3.2.10")
_LOG_AGAIN_SECONDS = 10.0


class _Day(NamedTuple):
    """A service day, and the Unix seconds it starts and ends."""

    date: date
    start: float
    end: float


class _Server:
    """What the module keeps between calls."""

    settings: Settings
    database: AccessDatabase
    #: Sessions are opened over it; None while the calls of logins are serialised.
    opening: Line | None = None
    day = _Day(date.min, 0, 0)
    log_again_at = 0.0


def instantiate(_: object) -> int:
    """Read the settings, and connect to the database if it is there."""
    version = _server_version()
    if version in _BROKEN_VERSIONS:
        _log(radiusd.L_ERR, f"FreeRADIUS {version} loses what Python answers: upgrade")
        return -1
    settings_file = radiusd.config.get("settings_file")
    named = {"KHATA_CONFIG": settings_file} if settings_file else {}
    _Server.settings = load_settings({**os.environ, **named})
    _Server.database = AccessDatabase(_Server.settings.database_url)
    _Server.database.line.begin()
    _Server.opening = _opening(version)
    # What was imported stays: no collection need walk through it while logins wait.
    gc.freeze()
    return 0


def authorize(pairs: tuple[tuple[str, str], ...] | None) -> Answer:
    """Decide a login."""
    now = time.time()
    today = _Server.day
    if not today.start <= now < today.end:
        today = _Server.day = _day_of(now)
    try:
        request = parse_access_request(pairs or ())
        state = _Server.database.load_access_state(request, today.date)
    except MalformedRequestError:
        return radiusd.RLM_MODULE_NOTFOUND, (), _reject(RejectReason.MALFORMED)
    except DatabaseAwayError as error:
        _log_away(now, error)
        return int(radiusd.RLM_MODULE_FAIL)
    if state is None:
        return radiusd.RLM_MODULE_NOTFOUND, (), _reject(RejectReason.UNKNOWN_CUSTOMER)
    settings = _Server.settings
    password = open_password(settings.secret_key, state.password_sealed)
    if state.hotspot_key_sealed is not None:
        key = open_key(settings.secret_key, state.hotspot_key_sealed)
        if is_by_key(key, dict(pairs or ()), now):
            password = key.secret
    control: Pairs = (("Khata-Customer-Id", ":=", str(state.customer_id)),)
    if password:
        control += (encode_text("Cleartext-Password", password),)
    elif request.is_of_device:
        # His device is all he has to show. Any other login of his finds no password
        # to compare with and is refused.
        control += (("Khata-By-Device", ":=", "yes"),)
    decision = decide_access(state, request, int(now), today.date, settings.zone)
    if isinstance(decision, Reject):
        return radiusd.RLM_MODULE_OK, (), control + _reject(decision.reason)
    cookie = class_value(state.customer_id, state.session_id)
    grant = grant_words(state, request, decision, cookie)
    control += (("Khata-Grant", ":=", grant),)
    return radiusd.RLM_MODULE_OK, encode_accept(state, decision, cookie), control


def post_auth(pairs: tuple[tuple[str, str], ...] | None) -> Answer:
    """Open the session of request:Khata-Grant; NOOP: FreeRADIUS is to do it itself."""
    if _Server.opening is None:
        return int(radiusd.RLM_MODULE_NOOP)
    try:
        is_open = open_plain_session(_Server.opening, dict(pairs or ()))
    except (DatabaseAwayError, QuestionRefusedError) as error:
        _log_away(time.time(), error)
        return int(radiusd.RLM_MODULE_NOOP)
    return int(radiusd.RLM_MODULE_OK if is_open else radiusd.RLM_MODULE_NOOP)


def detach(_: object = None) -> int:
    """Close the database connections."""
    _Server.database.line.close()
    if _Server.opening is not None:
        _Server.opening.close()
    return 0


def _reject(reason: RejectReason) -> Pairs:
    return (
        ("Khata-Reject-Reason", ":=", reason.value),
        encode_text("Khata-Reject-Message", REJECT_MESSAGES[reason]),
    )


def _opening(version: str) -> Line | None:
    """Have logins call side by side, where that can be, and open sessions together."""
    why_not = "parallel_logins = no"
    if _Server.settings.parallel_logins:
        why_not = lift_lock(version)
    if why_not:
        _log(radiusd.L_WARN, f"khata: logins call Python one after another: {why_not}")
        return None
    _log(radiusd.L_INFO, "khata: logins call Python side by side")
    opening = Line(_Server.settings.database_url, OPENING)
    opening.begin()
    return opening


def _day_of(now: float) -> _Day:
    zone = _Server.settings.zone
    today = service_date(datetime.fromtimestamp(now, UTC), zone)
    start, end = day_bounds(today, zone)
    return _Day(today, start.timestamp(), end.timestamp())


def _log_away(now: float, error: Exception) -> None:
    """Log it, but not for each login of a storm."""
    if now >= _Server.log_again_at:
        _Server.log_again_at = now + _LOG_AGAIN_SECONDS
        _log(radiusd.L_ERR, f"khata: the database could not be asked: {error}")


def _log(level: int, text: str) -> None:
    # One line, whatever is in it: no entry may be forged.
    radiusd.radlog(level, " ".join(text.split()))


def _server_version() -> str:
    """Ask the process that we are in; rlm_python3 does not tell its version."""
    try:
        found = ctypes.c_char_p.in_dll(ctypes.CDLL(None), "radiusd_version_short")
    except ValueError:
        return ""
    return (found.value or b"").decode("ascii", "replace")
