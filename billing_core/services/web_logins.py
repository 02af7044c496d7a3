"""Log operators in by password and second factor; sessions, of customers, too."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyotp

from billing_core.db import operators as operators_db
from billing_core.db import web_sessions as db
from billing_core.db.connect import Connection
from billing_core.errors import BillingError
from billing_core.operator_passwords import is_password, nobodys_hash
from billing_core.services.operators import open_totp
from billing_core.services.throttle import (
    Limit,
    admit_try,
    forget_tries,
    place_of,
)

OPERATOR_IDLE = timedelta(hours=2)
OPERATOR_LONGEST = timedelta(hours=12)
CODE_STEP_LASTS = timedelta(minutes=5)
#: Within which tries are counted.
WINDOW = timedelta(minutes=15)
#: A session is not noted as seen more often than this.
TOUCH_EVERY = timedelta(minutes=1)
_TOTP_STEP_SECONDS = 30


class WrongLoginError(BillingError):
    """Username or password is wrong; which of them is not told."""

    def __init__(self) -> None:
        super().__init__("Username or password is wrong.")


class WrongCodeError(BillingError):
    """This is not the code."""

    def __init__(self) -> None:
        super().__init__("The code is wrong or was used already; wait for the next.")


class NotHisPasswordError(BillingError):
    """Who sits at an open page is not who logged in."""

    def __init__(self) -> None:
        super().__init__("That is not your password.")


@dataclass(frozen=True, slots=True)
class Opened:
    """A login: the cookie to give, and whether a code is still to come."""

    token: str
    awaits_code: bool
    expires_at: datetime


def token_hash(token: str) -> bytes:
    """Return what is kept of a session's cookie."""
    return hashlib.sha256(token.encode("utf-8")).digest()


def log_in_operator(
    conn: Connection, username: str, password: str, *, address: str, now: datetime
) -> Opened:
    """Let an operator in by his password; with a second factor only half-way.

    Nobody learns whether the username or the password was wrong, nor from the time.
    """
    limits = login_limits("operator", [hashed_name(username)], address)
    admit_try(conn, limits, now)
    known = operators_db.read_credentials(conn, username)
    right = is_password(known.password_hash if known else nobodys_hash(), password)
    if known is None or not right or known.is_disabled:
        raise WrongLoginError
    forget_tries(conn, limits[:1])
    if known.totp_sealed is not None:
        return open_session(
            conn,
            operator_id=known.operator_id,
            awaits_code=True,
            idle=CODE_STEP_LASTS,
            longest=CODE_STEP_LASTS,
            address=address,
            now=now,
        )
    return _let_operator_in(conn, known.operator_id, username, address, now)


def finish_operator_login(
    conn: Connection,
    operator_id: int,
    username: str,
    code: str,
    *,
    token: str,
    secret_key: bytes,
    address: str,
    now: datetime,
) -> Opened:
    """Let an operator in whose password was right, by his authenticator's code."""
    limits = [Limit(f"totp {operator_id}", 5, WINDOW)]
    admit_try(conn, limits, now)
    known = operators_db.read_operator_credentials(conn, operator_id)
    if known.totp_sealed is None or known.is_disabled:
        raise WrongLoginError
    step = _totp_step(open_totp(secret_key, known.totp_sealed), code, now)
    if step is None or not operators_db.use_totp_step(conn, operator_id, step):
        raise WrongCodeError
    forget_tries(conn, limits)
    db.delete_session(conn, token_hash(token))
    return _let_operator_in(conn, operator_id, username, address, now)


def check_own_password(
    conn: Connection, operator_id: int, password: str, *, now: datetime
) -> None:
    """Make sure that who changes a login is who it is of.

    A page that somebody left open must not become a way to take his login over, nor
    to guess his password.
    """
    limits = [Limit(f"own password of operator {operator_id}", 5, WINDOW)]
    admit_try(conn, limits, now)
    known = operators_db.read_operator_credentials(conn, operator_id)
    if not is_password(known.password_hash, password):
        raise NotHisPasswordError
    forget_tries(conn, limits)


def is_totp_code(secret: str, code: str, now: datetime) -> bool:
    """Tell whether this is the code of a secret that is being enrolled."""
    return _totp_step(secret, code, now) is not None


def see_session(conn: Connection, token: str, now: datetime) -> db.WebSession | None:
    """Return who is logged in by this cookie, and note that he was seen."""
    hashed = token_hash(token)
    found = db.find_session(conn, hashed, now)
    if found is not None and now - found.last_seen_at > TOUCH_EVERY:
        db.touch_session(conn, hashed, now)
    return found


def log_out(conn: Connection, token: str) -> None:
    """End a session; its cookie opens nothing any more."""
    db.delete_session(conn, token_hash(token))


def _let_operator_in(
    conn: Connection, operator_id: int, username: str, address: str, now: datetime
) -> Opened:
    operators_db.note_login(conn, operator_id, now)
    operators_db.log_operator_event(
        conn, at=now, actor=f"operator:{username}", what="logged in", note=address
    )
    return open_session(
        conn,
        operator_id=operator_id,
        idle=OPERATOR_IDLE,
        longest=OPERATOR_LONGEST,
        address=address,
        now=now,
    )


def open_session(
    conn: Connection,
    *,
    operator_id: int | None = None,
    customer_id: int | None = None,
    awaits_code: bool = False,
    idle: timedelta,
    longest: timedelta,
    address: str,
    now: datetime,
) -> Opened:
    """Open a session under a new random cookie: one known before is worth nothing."""
    token = secrets.token_urlsafe(32)
    session = db.NewWebSession(
        token_hash=token_hash(token),
        operator_id=operator_id,
        customer_id=customer_id,
        awaits_code=awaits_code,
        idle_seconds=int(idle.total_seconds()),
        expires_at=now + longest,
        address=address,
    )
    db.insert_session(conn, session, now)
    return Opened(token, awaits_code, session.expires_at)


def login_limits(kind: str, names: Sequence[str], address: str) -> list[Limit]:
    """Few tries of a name from one place, more of a name or a place by itself.

    The name alone must not be shut after five: anybody could shut anybody out.
    """
    place = place_of(address)
    return [
        *(Limit(f"{kind} {name} from {place}", 5, WINDOW) for name in names),
        Limit(f"{kind} from {place}", 50, WINDOW),
        *(Limit(f"{kind} {name}", 100, WINDOW) for name in names),
    ]


def hashed_name(typed: str) -> str:
    """Return a name for the count of its tries, whatever somebody typed."""
    return hashlib.sha256(typed.encode()).hexdigest()[:32]


def _totp_step(secret: str, code: str, now: datetime) -> int | None:
    """Return the step of an authenticator's code: this one, the last or the next.

    RFC 6238 §5.2 allows for clocks that are a step apart.
    """
    totp = pyotp.TOTP(secret, interval=_TOTP_STEP_SECONDS)
    step = int(now.timestamp()) // _TOTP_STEP_SECONDS
    plain = code.replace(" ", "")
    for candidate in (step, step - 1, step + 1):
        expected = totp.generate_otp(candidate)
        if hmac.compare_digest(expected.encode(), plain.encode()):
            return candidate
    return None
