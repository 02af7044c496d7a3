"""Follow what returns and notices claim: find our row, and ask the gateway."""

from datetime import datetime

from billing_core.asking_times import HINTED_ASKS_MAX
from billing_core.db import attempt_events as events_db
from billing_core.db import payments as db
from billing_core.db.connect import Connection
from billing_core.db.payments import Attempt
from billing_core.gateways.contract import Gateway, Hint
from billing_core.references import is_reference
from billing_core.services.payments.asking import ask_about, tells_nothing_new
from billing_core.services.payments.unmatched import take_notice

_GATEWAY_ID_MAX = 255


def take_hint(
    conn: Connection,
    gateway: Gateway,
    hint: Hint,
    *,
    verification: str,
    actor: str,
    now: datetime,
) -> Attempt | None:
    """Follow a hint that anybody may have sent; None = it names no attempt of ours.

    Nothing in it is believed: it finds our row, and the gateway is asked. That it says
    cancelled is noted and changes nothing; that it says so a hundred times, too.
    """
    attempt = find_hinted(conn, gateway, hint)
    if attempt is None:
        return None
    attempt_id, hint_id = attempt.attempt_id, hint.transaction_id
    if hint.claims:
        note = f"says {hint.claims[:20]}"
        if hint.signature_is_right is False:
            note += ", wrongly signed"
        events_db.log_event_once(
            conn, attempt_id, at=now, actor=actor, what="hint", note=note
        )
    if hint.claims == "cancelled":
        db.set_cancelled(conn, attempt_id, now)
    if tells_nothing_new(conn, attempt, hint_id) or attempt.asks >= HINTED_ASKS_MAX:
        return attempt
    return ask_about(
        conn,
        gateway,
        attempt.reference,
        finished=hint.claims == "success",
        hint_id=hint_id,
        verification=verification,
        actor=actor,
        now=now,
    )


def keep_notice(
    conn: Connection, gateway: Gateway, hint: Hint, *, now: datetime
) -> None:
    """Write down money that a rightly signed notice tells of, before it is thanked for.

    A gateway that was thanked does not tell again: money of no attempt would be lost.
    """
    if hint.money is None:
        return
    attempt = find_hinted(conn, gateway, hint)
    take_notice(
        conn,
        gateway.name,
        hint.money,
        names_attempt_id=None if attempt is None else attempt.attempt_id,
        now=now,
    )


def find_hinted(conn: Connection, gateway: Gateway, hint: Hint) -> Attempt | None:
    """Find the attempt that a hint names; the gateway's own id comes first."""
    found = None
    if hint.payment_id and _is_storable(hint.payment_id):
        found = db.find_by_checkout(conn, gateway.name, hint.payment_id)
    if found is None and hint.reference and is_reference(hint.reference):
        found = db.find_by_reference(conn, hint.reference)
    if found is None:
        return None
    attempt = db.read_attempt(conn, found)
    is_its = attempt.gateway == gateway.name and attempt.again_of_attempt_id is None
    return attempt if is_its else None


def _is_storable(text: str) -> bool:
    """Tell whether PostgreSQL can even be asked for this text."""
    return len(text) <= _GATEWAY_ID_MAX and text.isprintable()
