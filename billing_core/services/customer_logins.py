"""Log customers in to the portal: by the password of their connection or by a code."""

import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from billing_core.db import customers as customers_db
from billing_core.db import web_sessions as db
from billing_core.db.connect import Connection
from billing_core.passwords import open_password
from billing_core.services.portal_names import (
    NAMED_MAX,
    AmbiguousNumberError,
    find_named,
)
from billing_core.services.throttle import (
    Limit,
    admit_try,
    forget_tries,
    place_of,
)
from billing_core.services.web_logins import (
    WINDOW,
    Opened,
    WrongCodeError,
    WrongLoginError,
    hashed_name,
    login_limits,
    open_session,
)

PORTAL_IDLE = timedelta(days=7)
PORTAL_LONGEST = timedelta(days=30)
CODE_DIGITS = 6
CODE_LASTS = timedelta(minutes=5)
CODE_TRIES_MAX = 5


def log_in_customer(
    conn: Connection,
    name: str,
    password: str,
    *,
    secret_key: bytes,
    address: str,
    now: datetime,
) -> Opened:
    """Let a customer into the portal by the password of his connection."""
    customer_id = check_customer_password(
        conn, name, password, secret_key=secret_key, address=address, now=now
    )
    return _let_customer_in(conn, customer_id, address, now)


def check_customer_password(
    conn: Connection,
    name: str,
    password: str,
    *,
    secret_key: bytes,
    address: str,
    now: datetime,
) -> int:
    """Return the customer whose username or mobile, and password these are.

    A try counts for whom it is about, by whichever name. Of several customers with one
    mobile the password tells which; that several have both is told only to who knows
    the password.
    """
    named = find_named(conn, name)
    limits = _customer_limits("customer", name, named, address)
    admit_try(conn, limits, now)
    theirs = [
        customer_id
        for customer_id in named[:NAMED_MAX]
        if _has_password(conn, customer_id, password, secret_key)
    ]
    if not theirs:
        raise WrongLoginError
    if len(theirs) > 1:
        raise AmbiguousNumberError
    forget_tries(conn, login_limits("customer", [str(theirs[0])], address)[:1])
    return theirs[0]


def _has_password(
    conn: Connection, customer_id: int, password: str, secret_key: bytes
) -> bool:
    sealed = customers_db.read_password_of(conn, customer_id)
    clear = "" if sealed is None else open_password(secret_key, sealed)
    # Who has no password (a device that logs in by its address) gets in by a code only.
    return clear != "" and hmac.compare_digest(clear.encode(), password.encode())


def new_code(
    conn: Connection,
    customer_id: int,
    *,
    secret_key: bytes,
    address: str,
    now: datetime,
) -> str:
    """Make a one-time code for a customer; the caller sends it to his mobile."""
    admit_try(conn, code_limits(str(customer_id), address), now)
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
    db.insert_code(
        conn,
        customer_id,
        _code_hash(secret_key, customer_id, code),
        expires_at=now + CODE_LASTS,
        now=now,
    )
    return code


def code_limits(who: str, address: str) -> list[Limit]:
    """Limit how often codes are asked: each costs an SMS, and wakes somebody up."""
    return [
        Limit(f"code for {who}", 3, WINDOW),
        Limit(f"codes of a day for {who}", 12, timedelta(days=1)),
        Limit(f"codes asked from {place_of(address)}", 10, WINDOW),
    ]


def log_in_with_code(
    conn: Connection,
    name: str,
    code: str,
    *,
    secret_key: bytes,
    address: str,
    now: datetime,
) -> Opened:
    """Let a customer into the portal by the code that was sent to him."""
    named = find_named(conn, name)
    limits = _customer_limits("customer code", name, named, address)
    admit_try(conn, limits, now)
    if len(named) != 1:
        raise WrongCodeError
    (customer_id,) = named
    code_hash = _code_hash(secret_key, customer_id, code.strip())
    if not db.use_code(conn, customer_id, code_hash, tries_max=CODE_TRIES_MAX, now=now):
        raise WrongCodeError
    forget_tries(conn, limits[:1])
    return _let_customer_in(conn, customer_id, address, now)


def _let_customer_in(
    conn: Connection, customer_id: int, address: str, now: datetime
) -> Opened:
    return open_session(
        conn,
        customer_id=customer_id,
        idle=PORTAL_IDLE,
        longest=PORTAL_LONGEST,
        address=address,
        now=now,
    )


def _customer_limits(
    kind: str, typed: str, named: Sequence[int], address: str
) -> list[Limit]:
    """Count tries by customer, so that username and mobile are one name."""
    names = [str(customer_id) for customer_id in named] or [hashed_name(typed)]
    return login_limits(kind, names, address)


def _code_hash(secret_key: bytes, customer_id: int, code: str) -> bytes:
    text = f"khata one-time code {customer_id} {code}"
    return hmac.digest(secret_key, text.encode(), "sha256")
