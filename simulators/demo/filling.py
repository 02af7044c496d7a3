"""Fill the pages with a small provider's half year, once; then let people log in."""

import csv
import random
import secrets
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from billing_core.cards import CardKeys
from billing_core.db.nas import list_nas
from billing_core.db.packages import insert_package
from billing_core.db.profiles import list_profiles
from billing_core.services.cards.batches import BatchOrder, activate, make_batch
from billing_core.services.cards.printing import print_batch
from billing_core.services.cards.redeeming import Tries, redeem
from billing_core.services.operators import add_operator
from billing_core.services.payments.transfers import announce_transfer
from billing_core.services.profiles import add_profile
from simulators.demo import town
from simulators.demo.past import Past
from simulators.demo.report import Report
from simulators.demo.scene import PASSWORD, Scene
from simulators.demo.steps import folded
from simulators.demo.till import SimulatedTill
from simulators.demo.town import Neighbour
from simulators.demo.traffic import log_in_today, record_a_fortnight

_CARDS, _ACTIVE, _USED = 60, 40, 6
#: Of each card.
CARD_VALUE = Decimal(1500)
_STATUSES = """
SELECT l.username, c.status FROM customer c JOIN login l USING (customer_id)
 WHERE l.username LIKE '%@demo' ORDER BY l.username
"""


def fill(scene: Scene, report: Report) -> str | None:
    """Fill the pages; returns the username of a customer to try the portal as."""
    report.heading("A town of 200 customers and half a year (DEMO DATA)")
    now = datetime.now(UTC)
    people = town.people(now, scene.stack.settings.zone)
    if town.HOMES.name not in {profile.name for profile in list_profiles(scene.conn)}:
        # He would bill the half year at once, as of now.
        scene.stack.stop("scheduler")
        try:
            with scene.conn.transaction():
                _live(scene, people, now)
            folded(scene)
        finally:
            scene.stack.start("scheduler")
    statuses: dict[str, str] = dict(scene.conn.execute(_STATUSES).fetchall())
    report.check("customers of the town", town.CUSTOMERS, len(statuses))
    came_in, refused = log_in_today(scene, people, statuses)
    folded(scene)
    report.check("some are online, some refused", True, bool(came_in and refused))
    report.check("payments wait for a person", True, _waiting(scene) > 0)
    return next((one for one, status in statuses.items() if status != "active"), None)


def _live(scene: Scene, people: Sequence[Neighbour], now: datetime) -> None:
    """Live the half year, in the caller's transaction: all of it or nothing."""
    conn, settings = scene.conn, scene.stack.settings
    began = min(one.joined_at for one in people)
    for package in town.PACKAGES:
        insert_package(conn, package)
    for profile in town.PROFILES:
        add_profile(conn, profile, actor="demo", now=began)
    for username, name, role, parent, permissions in town.STAFF:
        # Nobody is told their passwords; the admin can set others.
        add_operator(
            conn,
            username,
            secrets.token_urlsafe(24),
            role,
            name=name,
            parent=parent,
            permissions=permissions,
            actor="demo",
            now=began,
        )
    till = SimulatedTill(now)
    past = Past(
        conn,
        settings.zone,
        settings.secret_key,
        PASSWORD,
        till,
        random.Random("khata past"),
    )
    past.live(people, now)
    (nas_id,) = (nas.nas_id for nas in list_nas(conn) if nas.name == "demo-pppoe")
    record_a_fortnight(conn, people, nas_id, now=now)
    debtors = [one for one in people if not one.is_on_hotspot and not one.stops_at]
    customer_ids = [past.ids[one.username] for one in debtors]
    _leave_waiting(scene, till, customer_ids, now)
    _sell_cards(scene, customer_ids, now)


def _leave_waiting(
    scene: Scene, till: SimulatedTill, customer_ids: Sequence[int], now: datetime
) -> None:
    """Leave payments in Verify Payments: right ones, a wrong one, transfers."""
    amounts = (Decimal(500), Decimal(800), Decimal(500), Decimal(1200), Decimal(300))
    pairs = zip(customer_ids, amounts, strict=False)
    for number, (customer_id, amount) in enumerate(pairs):
        fault = "other_amount" if number == 1 else None
        till.pay(
            scene.conn,
            customer_id,
            amount,
            now=now,
            verification="operator",
            fault=fault,
        )
    for number, customer_id in enumerate(customer_ids[10:12]):
        announce_transfer(
            scene.conn,
            customer_id=customer_id,
            amount=Decimal(600),
            sender=f"0100000000{number}",
            transaction_id=f"DEMOWAITS{number}",
            purpose="bills",
            actor="demo",
            now=now,
        )


def _sell_cards(scene: Scene, customer_ids: Sequence[int], now: datetime) -> None:
    """Make a batch of recharge cards, activate most, redeem a few."""
    pins = _make_cards(scene, _CARDS, _ACTIVE, now)
    keys = _card_keys(scene)
    pairs = zip(customer_ids[20 : 20 + _USED], pins, strict=False)
    for customer_id, pin in pairs:
        redeem(scene.conn, keys, pin, Tries(customer_id, "demo"), now=now)


def new_card(scene: Scene) -> str:
    """Make one card to try; returns its PIN, which nothing but this knows."""
    (pin,) = _make_cards(scene, 1, 1, datetime.now(UTC))
    return pin


def _make_cards(scene: Scene, count: int, active: int, now: datetime) -> list[str]:
    conn, settings = scene.conn, scene.stack.settings
    order = BatchOrder(count, CARD_VALUE, None, "cards.demo", commission=Decimal(25))
    batch = make_batch(conn, order, actor="demo", now=now)
    with tempfile.TemporaryDirectory() as folder:
        file = print_batch(
            conn,
            _card_keys(scene),
            batch.batch_id,
            Path(folder),
            currency=settings.currency,
            zone=settings.zone,
            actor="demo",
            now=now,
        )
        with file.open(encoding="utf-8", newline="") as rows:
            pins = [row["pin"] for row in csv.DictReader(rows)]
    last = batch.serial_first + active - 1
    activate(conn, batch.serial_first, last, actor="demo", note="", now=now)
    return pins


def _card_keys(scene: Scene) -> CardKeys:
    keys = scene.stack.settings.card_keys
    if keys is None:
        raise RuntimeError("the embedded stack has no card key")
    return keys


def _waiting(scene: Scene) -> int:
    count = scene.one(
        "SELECT count(*) FROM payment_attempt WHERE state IN ('confirmed', 'review')"
    )
    return count if isinstance(count, int) else 0
