"""The loop that sends the outbox: many NAS at once, a dead one delays nobody."""

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Literal, cast

from billing_core.db.connect import Connection
from billing_core.db.nas import NasTraits, read_nas_traits
from billing_core.db.outbox import OutboxItem, next_due
from billing_core.services.outbox import Answer, claim, record
from billing_core.settings import Settings
from billing_core.worker.connection import keep_connected
from radius_module.coa import (
    CoaClient,
    CoaRequest,
    CoaRequestError,
    CoaResult,
    CoaTarget,
    is_retryable,
)
from radius_module.replies import ReplyError, coa_limits, coa_rates

log = logging.getLogger(__name__)

_ATTEMPTS = 3
_FIRST_TIMEOUT_SECONDS = 1.0
# Longer than all attempts take (1 + 2 + 4 s and jitter): then the request is due again.
_LEASE_SECONDS = 30.0
_CLAIM_MAX = 500
_IN_FLIGHT_MAX = 5000
# Answers are recorded together, this long after the first.
_GATHER_SECONDS = 0.02
_NAP_SECONDS = 0.25

Answered = tuple[OutboxItem, Answer]


def run_sending(settings: Settings, stop: threading.Event) -> None:
    """Send until told to stop."""
    keep_connected(
        settings.database_url,
        "sending",
        stop,
        lambda conn: asyncio.run(_serve(conn, stop)),
    )


async def _serve(conn: Connection, stop: threading.Event) -> None:
    """Claim what is due, send it all at once, record answers as they come.

    One connection, used by one thread at a time: claiming, waiting and recording take
    turns; sending needs none.
    """
    conn.execute("LISTEN khata_outbox")
    answers: list[Answered] = []
    in_flight: set[asyncio.Task[None]] = set()
    answered = asyncio.Event()

    def note(item: OutboxItem, answer: Answer) -> None:
        answers.append((item, answer))
        answered.set()

    async with CoaClient(
        attempts=_ATTEMPTS, first_timeout_seconds=_FIRST_TIMEOUT_SECONDS
    ) as client:
        while not stop.is_set() or in_flight:
            if answers:
                recorded, answers[:] = answers[:], []
                await asyncio.to_thread(record, conn, recorded, _now())
            items = []
            if not stop.is_set() and len(in_flight) < _IN_FLIGHT_MAX:
                items = await asyncio.to_thread(_claim, conn)
            if items:
                traits = await asyncio.to_thread(read_nas_traits, conn)
                for item in items:
                    task = asyncio.create_task(
                        _send(client, item, traits.get(item.nas_id), note)
                    )
                    in_flight.add(task)
                    task.add_done_callback(in_flight.discard)
                continue
            answered.clear()
            if in_flight:
                await _first(answered, _GATHER_SECONDS)
            else:
                await asyncio.to_thread(_await_notification, conn)
        if answers:
            await asyncio.to_thread(record, conn, answers, _now())


async def _first(answered: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await answered.wait()
    except TimeoutError:
        return


def _claim(conn: Connection) -> list[OutboxItem]:
    return claim(conn, _now(), lease_seconds=_LEASE_SECONDS, limit=_CLAIM_MAX)


def _await_notification(conn: Connection) -> None:
    due = next_due(conn)
    wait = _NAP_SECONDS
    if due is not None:
        wait = min(wait, max((due - _now()).total_seconds(), 0.001))
    for _ in conn.notifies(timeout=wait, stop_after=1):
        pass


async def _send(
    client: CoaClient,
    item: OutboxItem,
    nas: NasTraits | None,
    note: Callable[[OutboxItem, Answer], None],
) -> None:
    if nas is None or nas.coa_port is None:
        note(item, Answer("NO_COA", None, is_retryable=False))
        return
    try:
        request = request_for(item, nas)
        if request is None:
            note(item, Answer("NO_COA", None, is_retryable=False))
            return
        result = await client.send(target_of(nas, nas.coa_port), request)
    except (CoaRequestError, ReplyError) as error:
        log.error("coa.unsendable outbox_id=%s error=%s", item.outbox_id, error)
        note(item, Answer("NO_COA", None, is_retryable=False))
        return
    note(item, answer_of(result))


def answer_of(result: CoaResult) -> Answer:
    """Translate what the NAS answered; a session that it does not know is gone."""
    outcome = cast(Literal["ACK", "NAK", "TIMEOUT"], result.outcome.name)
    return Answer(outcome, result.error_cause, is_retryable(result))


def target_of(nas: NasTraits, port: int) -> CoaTarget:
    """Say where a NAS listens and what it expects of a request."""
    return CoaTarget(
        address=nas.coa_address or nas.address,
        port=port,
        secret=(nas.coa_secret or nas.secret).encode(),
        event_timestamp=nas.coa_event_timestamp,
        message_authenticator=nas.coa_message_authenticator,
    )


def request_for(item: OutboxItem, nas: NasTraits) -> CoaRequest | None:
    """Write the request in the NAS's terms; None when it cannot be asked for that.

    A Disconnect carries identification and nothing else (RFC 5176 §3).
    """
    identification = _identification(item, nas)
    if item.kind == "disconnect":
        return CoaRequest("disconnect", identification)
    changes: Mapping[str, int | str] | None
    if "rate_up_bps" in item.attributes:
        changes = coa_rates(
            nas.vendor,
            rate_up_bps=item.attributes["rate_up_bps"],
            rate_down_bps=item.attributes["rate_down_bps"],
        )
    else:
        changes = coa_limits(
            nas.vendor,
            session_timeout_seconds=item.attributes.get("session_timeout_seconds"),
            limit_octets=item.attributes.get("limit_octets"),
        )
    if changes is None:
        return None
    return CoaRequest("coa", (*identification, *changes.items()))


def _identification(
    item: OutboxItem, nas: NasTraits
) -> tuple[tuple[str, str | int | bytes], ...]:
    known = {
        "User-Name": item.username,
        "Acct-Session-Id": item.acct_session_id,
        "Framed-IP-Address": item.framed_ip,
        # A NAS refuses another's address; behind NAT it knows itself by what it told.
        "NAS-IP-Address": item.nas_ip,
        "Calling-Station-Id": item.calling_station_id,
        "NAS-Port-Id": item.nas_port_id,
    }
    return tuple(
        (name, value) for name in nas.coa_identification if (value := known[name])
    )


def _now() -> datetime:
    return datetime.now(UTC)
