"""What a customer does about his own login: have a code sent, change his password."""

import hashlib
import hmac
from collections.abc import Collection
from datetime import datetime, timedelta

from billing_core.db import customers as customers_db
from billing_core.db import messages as messages_db
from billing_core.db.connect import Connection
from billing_core.db.customers import Customer
from billing_core.db.messages import NewMessage
from billing_core.errors import BillingError
from billing_core.messages import Locality, write_message
from billing_core.passwords import open_password
from billing_core.reminders import Event
from billing_core.services.customer_logins import CODE_LASTS, code_limits, new_code
from billing_core.services.customers import set_password
from billing_core.services.portal_names import AmbiguousNumberError, find_named
from billing_core.services.throttle import Limit, admit_try

PASSWORD_LENGTH_MIN = 8
_WINDOW = timedelta(minutes=15)
_PASSWORD_TRIES = 5


class WrongPasswordError(BillingError):
    """The password that was typed is not his."""

    def __init__(self) -> None:
        super().__init__("That is not your password.")


class WeakPasswordError(BillingError):
    """The new password would be guessed."""

    def __init__(self) -> None:
        super().__init__(
            f"Choose at least {PASSWORD_LENGTH_MIN} characters, and not the username."
        )


def send_code(
    conn: Connection,
    name: str,
    *,
    channels: Collection[str],
    locality: Locality,
    secret_key: bytes,
    address: str,
    now: datetime,
) -> None:
    """Queue a one-time code to a customer, by SMS if that can be, else by mail.

    Whoever asks gets the same answer and the same limits, whether there is such a
    customer or not, and whether he can be reached or not. Only that several have a
    mobile is told: a code would be for one of them.
    """
    named = find_named(conn, name)
    customer = customers_db.read_customer(conn, named[0]) if len(named) == 1 else None
    way = None if customer is None else _way_to(customer, channels)
    if customer is None or way is None:
        hashed = hashlib.sha256(name.encode()).hexdigest()[:32]
        admit_try(conn, code_limits(f"name {hashed}", address), now)
        if len(named) > 1:
            raise AmbiguousNumberError
        return
    code = new_code(
        conn, customer.customer_id, secret_key=secret_key, address=address, now=now
    )
    channel, recipient = way
    text = write_message(
        Event.LOGIN_CODE.value,
        channel,
        customer.language,
        {
            "name": customer.name or customer.username,
            "code": code,
            "minutes": int(CODE_LASTS.total_seconds()) // 60,
        },
        locality,
    )
    messages_db.insert_code_message(
        conn,
        NewMessage(
            customer.customer_id,
            Event.LOGIN_CODE.value,
            now.isoformat(),
            channel,
            recipient,
            customer.language,
            text.title,
            text.body,
        ),
        now,
    )


def change_own_password(
    conn: Connection,
    customer: Customer,
    old: str,
    new: str,
    *,
    secret_key: bytes,
    keep_session: bytes | None,
    actor: str,
    now: datetime,
) -> None:
    """Replace a customer's password, which he knows; his other portal logins end.

    A portal that somebody left open must not become a way to guess it.
    """
    subject = f"own password of {customer.customer_id}"
    admit_try(conn, [Limit(subject, _PASSWORD_TRIES, _WINDOW)], now)
    sealed = customers_db.read_password_of(conn, customer.customer_id)
    clear = "" if sealed is None else open_password(secret_key, sealed)
    if not clear or not hmac.compare_digest(clear.encode(), old.encode()):
        raise WrongPasswordError
    if len(new) < PASSWORD_LENGTH_MIN or new.lower() == customer.username.lower():
        raise WeakPasswordError
    set_password(
        conn,
        customer.username,
        new,
        secret_key=secret_key,
        actor=actor,
        now=now,
        keep_login=keep_session,
    )


def _way_to(customer: Customer, channels: Collection[str]) -> tuple[str, str] | None:
    for channel, recipient in (("sms", customer.mobile), ("mail", customer.mail)):
        if channel in channels and recipient:
            return channel, recipient
    return None
