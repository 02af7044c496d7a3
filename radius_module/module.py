"""What FreeRADIUS calls, and the only place that knows FreeRADIUS.

A login calls twice. ask: parse, and send the database its question. decide: read the
answer, decide, encode. Between the two others may call: the calls are serialised for
the whole server (radius.md §0.1), and nobody should wait in one for the database. The
decision carries the clear password, so that FreeRADIUS itself checks PAP, CHAP,
MS-CHAPv2 or EAP. A refusal carries it too: its reason is told only to who knows the
password. FAIL means "could not decide"; what happens then is the policy in
freeradius/config, never Python's.
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
from typing import ClassVar

import radiusd

from billing_core.access import Reject, RejectReason
from billing_core.decisions import decide_access
from billing_core.hotspot_keys import open_key
from billing_core.passwords import open_password
from billing_core.service_days import day_bounds, service_date
from billing_core.settings import Settings, load_settings
from radius_module.access_database import AccessDatabase, Question
from radius_module.attributes import MalformedRequestError, parse_access_request
from radius_module.grants import grant_words
from radius_module.libpq import DatabaseAwayError
from radius_module.proofs import is_by_key
from radius_module.replies import (
    REJECT_MESSAGES,
    Pairs,
    class_value,
    encode_accept,
    encode_text,
)

Answer = int | tuple[int, Pairs, Pairs]

# rlm_python3 hands back every value as empty in these (radius.md §0.4).
_BROKEN_VERSIONS = ("3.2.9", "3.2.10")
_LOG_AGAIN_SECONDS = 10.0
# More logins than the server has threads cannot be between their two calls; a login is
# lost to it after max_request_time, 5 s.
_ASKED_MAX = 1000
_LOST_SECONDS = 10.0


class _Server:
    """What the module keeps between calls."""

    settings: Settings
    database: AccessDatabase
    #: What logins asked and have not been told, by their ticket.
    asked: ClassVar[dict[str, Question]] = {}
    tickets: int = 0
    #: The service day in force, and the Unix seconds it starts and ends.
    today: date = date.min
    day_start = day_end = 0.0
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
    _Server.database.begin()
    # What was imported stays: no collection need walk through it while logins wait.
    gc.freeze()
    return 0


def ask(pairs: tuple[tuple[str, str], ...] | None) -> Answer:
    """Begin a login: send its question to the database, and wait for nothing.

    The answer is a ticket in control:Khata-Ticket; decide() wants it in the request.
    """
    now = time.time()
    if not _Server.day_start <= now < _Server.day_end:
        _begin_day(now)
    try:
        request = parse_access_request(pairs or ())
        question = _Server.database.ask(request, _Server.today)
    except MalformedRequestError:
        return radiusd.RLM_MODULE_NOTFOUND, (), _reject(RejectReason.MALFORMED)
    except DatabaseAwayError as error:
        _log_away(now, error)
        return int(radiusd.RLM_MODULE_FAIL)
    if len(_Server.asked) >= _ASKED_MAX:
        _forget_lost()
    _Server.tickets += 1
    ticket = str(_Server.tickets)
    _Server.asked[ticket] = question
    return radiusd.RLM_MODULE_OK, (), (("Khata-Ticket", ":=", ticket),)


def decide(pairs: tuple[tuple[str, str], ...] | None) -> Answer:
    """Decide the login that asked under this ticket."""
    now = time.time()
    question = _Server.asked.pop(dict(pairs or ()).get("Khata-Ticket", ""), None)
    if question is None:
        _log(radiusd.L_ERR, "khata: decide() without the ticket of ask()")
        return int(radiusd.RLM_MODULE_FAIL)
    try:
        state = _Server.database.answer(question)
    except DatabaseAwayError as error:
        _log_away(now, error)
        return int(radiusd.RLM_MODULE_FAIL)
    if state is None:
        return radiusd.RLM_MODULE_NOTFOUND, (), _reject(RejectReason.UNKNOWN_CUSTOMER)
    settings, request = _Server.settings, question.request
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
    day = question.service_date
    decision = decide_access(state, request, int(now), day, settings.zone)
    if isinstance(decision, Reject):
        return radiusd.RLM_MODULE_OK, (), control + _reject(decision.reason)
    cookie = class_value(state.customer_id, state.session_id)
    grant = grant_words(state, request, decision, cookie)
    control += (("Khata-Grant", ":=", grant),)
    return radiusd.RLM_MODULE_OK, encode_accept(state, decision, cookie), control


def detach(_: object = None) -> int:
    """Close the database connection."""
    _Server.database.close()
    return 0


def _reject(reason: RejectReason) -> Pairs:
    return (
        ("Khata-Reject-Reason", ":=", reason.value),
        encode_text("Khata-Reject-Message", REJECT_MESSAGES[reason]),
    )


def _forget_lost() -> None:
    """Let go the questions of logins that FreeRADIUS gave up between the two calls."""
    before = time.monotonic() - _LOST_SECONDS
    for ticket, question in list(_Server.asked.items()):
        if question.started < before:
            del _Server.asked[ticket]
            _Server.database.forget(question)


def _begin_day(now: float) -> None:
    zone = _Server.settings.zone
    _Server.today = service_date(datetime.fromtimestamp(now, UTC), zone)
    start, end = day_bounds(_Server.today, zone)
    _Server.day_start, _Server.day_end = start.timestamp(), end.timestamp()


def _log_away(now: float, error: DatabaseAwayError) -> None:
    """Log it, but not for each login of a storm."""
    if now >= _Server.log_again_at:
        _Server.log_again_at = now + _LOG_AGAIN_SECONDS
        _log(radiusd.L_ERR, f"khata: could not decide: {error}")


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
