"""Bill a service day to who could not pay it and is not to be suspended."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from billing_core.billing_terms import OWED_DAY, BillDraft, BillLineDraft
from billing_core.db import service_days as db
from billing_core.db.connect import Connection
from billing_core.db.sessions import Wallet
from billing_core.money import VatSplit
from billing_core.service_days import day_bounds
from billing_core.services.issuing import issue_bills
from billing_core.services.settlement import settle_from_wallets


class OwedDay(NamedTuple):
    """What a held customer owes for a day."""

    customer_id: int
    package_id: int
    package: str
    vat_percent: Decimal
    parts: VatSplit
    hold: db.Hold


def owe_days(
    conn: Connection,
    wallets: dict[int, Wallet],
    owed: Sequence[OwedDay],
    *,
    day: date,
    zone: ZoneInfo,
    now: datetime,
    actor: str,
) -> None:
    """Bill the day as a debt that is due when the hold ends; under the wallets' locks.

    What the wallet has pays a part of it at once. The day counts as charged, so that he
    has service, and is charged once.
    """
    start, end = day_bounds(day, zone)
    drafts = [
        BillDraft(
            one.customer_id,
            OWED_DAY,
            day.isoformat(),
            start,
            end,
            one.parts.net,
            one.parts.vat,
            one.parts.gross,
            one.hold.until,
            one.hold.until if one.hold.auto_suspend else None,
            one.package_id,
            None,
            None,
            (_line(one),),
        )
        for one in owed
    ]
    issue_bills(conn, drafts, now=now, actor=actor)
    customer_ids = [one.customer_id for one in owed]
    db.insert_owed_days(conn, day, customer_ids)
    theirs = {customer_id: wallets[customer_id] for customer_id in customer_ids}
    settle_from_wallets(conn, theirs, now=now, actor=actor)


def _line(one: OwedDay) -> BillLineDraft:
    parts = one.parts
    return BillLineDraft(
        one.package,
        Decimal(1),
        "day",
        parts.net,
        one.vat_percent,
        parts.vat,
        parts.gross,
    )
