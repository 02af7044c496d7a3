"""The loops that send messages to customers: one for each way, so none delays another.

A sender that is killed may have handed a message over and not noted it yet. Then its
lease ends and the message is sent again: the one case in which a thing is told twice.
To rule that out, a message would have to be noted as sent before it is, and a kill
would lose it. A lost connection to the database is no such case: the note is kept and
written when it is back.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime

from billing_core.channels import Letter, Outcome
from billing_core.db.connect import Connection
from billing_core.db.messages import Claimed, claim_messages
from billing_core.senders import send_mail, send_sms
from billing_core.services.messages import note_outcome
from billing_core.settings import Settings
from billing_core.worker.connection import keep_connected

log = logging.getLogger(__name__)

# Sent at once by one worker; each is claimed when it can start.
_SENDERS = 4
# Longer than a sender can take: some ten steps of senders.TIMEOUT_SECONDS each.
_LEASE_SECONDS = 300.0
_NAP_SECONDS = 1.0
_LOOK_SECONDS = 0.25

Send = Callable[[Letter], Outcome]


@dataclass(frozen=True, slots=True)
class _Way:
    """One way that messages leave; what is on its way outlives the connection."""

    channel: str
    send: Send
    in_flight: dict[Future[Outcome], Claimed] = field(default_factory=dict)


def run_mail(settings: Settings, stop: threading.Event) -> None:
    """Send mail until told to stop."""
    server = settings.mail_server
    if server is None:
        stop.wait()
        return
    _run(settings, stop, _Way("mail", lambda letter: send_mail(server, letter, _now())))


def run_sms(settings: Settings, stop: threading.Event) -> None:
    """Send SMS until told to stop."""
    gateway = settings.sms_gateway
    if gateway is None:
        stop.wait()
        return
    _run(settings, stop, _Way("sms", lambda letter: send_sms(gateway, letter)))


def _run(settings: Settings, stop: threading.Event, way: _Way) -> None:
    with ThreadPoolExecutor(_SENDERS, f"send-{way.channel}") as pool:
        keep_connected(
            settings.database_url,
            f"messaging-{way.channel}",
            stop,
            lambda conn: _serve(conn, stop, way, pool),
        )
    for future, message in way.in_flight.items():
        # Stopped while the database was away: this may be sent again.
        log.warning(
            "message.not_noted message_id=%s result=%s",
            message.message_id,
            future.result().result,
        )


def _serve(
    conn: Connection, stop: threading.Event, way: _Way, pool: ThreadPoolExecutor
) -> None:
    """Claim as much as can start, note each result as it comes; stop with all noted."""
    while way.in_flight or not stop.is_set():
        for future in [f for f in way.in_flight if f.done()]:
            _note(conn, way.in_flight[future], future.result())
            del way.in_flight[future]
        free = _SENDERS - len(way.in_flight)
        claimed = []
        if free and not stop.is_set():
            claimed = claim_messages(
                conn, way.channel, _now(), lease_seconds=_LEASE_SECONDS, limit=free
            )
        for message in claimed:
            way.in_flight[pool.submit(_send, way.send, message)] = message
        if way.in_flight:
            wait(way.in_flight, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
        else:
            stop.wait(_NAP_SECONDS)


def _send(send: Send, message: Claimed) -> Outcome:
    letter = Letter(
        recipient=message.recipient,
        title=message.title,
        body=message.body,
        reference=f"khata.{message.customer_id}.{message.message_id}",
    )
    try:
        return send(letter)
    except Exception as error:
        # One odd message must not end the loop; what it did is not known.
        log.exception("message.fault message_id=%s", message.message_id)
        return Outcome("unknown", type(error).__name__)


def _note(conn: Connection, message: Claimed, outcome: Outcome) -> None:
    note_outcome(conn, message, outcome, _now())
    if outcome.result != "sent":
        log.warning(
            "message.not_sent message_id=%s attempt=%s result=%s error=%s",
            message.message_id,
            message.attempts,
            outcome.result,
            outcome.error,
        )


def _now() -> datetime:
    return datetime.now(UTC)
