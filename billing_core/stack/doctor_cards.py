"""Look at recharge cards: does somebody guess PINs, are the keys of all cards there."""

from collections.abc import Callable
from datetime import UTC, datetime

from billing_core.cards import ALARM_WITHIN, is_alarming
from billing_core.db.card_tries import count_foreign_cards, count_tries
from billing_core.stack.findings import Finding, Patient, fail, ok


def check_card_guessing(patient: Patient) -> list[Finding]:
    """Look whether most tries of card PINs are wrong, whoever they come from."""
    if patient.conn is None:
        return []
    since = datetime.now(UTC) - ALARM_WITHIN
    bad, good = count_tries(patient.conn, since=since)
    found = f"{bad} wrong, {good} right in the last hour"
    if not is_alarming(bad=bad, good=good):
        return [ok("guessing of card PINs", found)]
    mend = (
        "Somebody seems to guess: `khata card tries --bad` says who and from where."
        " Suspend him, or close the portal to that network."
    )
    return [fail("guessing of card PINs", found, mend)]


def check_card_keys(patient: Patient) -> list[Finding]:
    """Look whether every card that is out can be found by its PIN."""
    if patient.conn is None or patient.settings is None:
        return []
    keys = patient.settings.card_keys
    known = [key.key_id for key in keys] if keys is not None else []
    foreign = count_foreign_cards(patient.conn, known)
    if not foreign:
        return [ok("keys of cards", "there for every card that is out")]
    return [
        fail(
            "keys of cards",
            f"{cards} cards cannot be redeemed: key {key_id} is missing",
            "Restore secrets/card_key from your backup, or list the old key in the file"
            " that card_keys_old_file names. A lost key is lost: void these cards.",
        )
        for key_id, cards in foreign
    ]


CARD_CHECKS: list[Callable[[Patient], list[Finding]]] = [
    check_card_guessing,
    check_card_keys,
]
