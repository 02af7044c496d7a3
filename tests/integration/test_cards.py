"""Recharge cards by batch and serial range: made, activated, void, expired."""

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from billing_core.db import cards as db
from billing_core.db.connect import Connection
from billing_core.db.packages import PackageError, UnknownPackageError
from billing_core.errors import BillingError
from billing_core.services.cards.batches import CardRangeError, activate, void
from tests.builders import (
    NOON,
    a_customer,
    a_daily_package,
    a_hotspot_package,
    a_package,
    at_once,
    rows,
)
from tests.cards import a_batch, activate_all, pins_of, print_cards, try_pin


def states(conn: Connection, batch: db.Batch, now: Any = NOON) -> dict[str, int]:
    found = db.read_batch(conn, batch.batch_id, now=now)
    names = ("generated", "active", "used", "expired", "void")
    return {name: getattr(found, name) for name in names if getattr(found, name)}


def activated(conn: Connection, first: int, last: int) -> int:
    return activate(conn, first, last, actor="ann", note="paid", now=NOON)


def voided(conn: Connection, first: int, last: int, reason: str = "lost") -> int:
    return void(conn, first, last, reason=reason, actor="bob", now=NOON)


def test_batches_take_the_serials_that_come_next(conn: Connection) -> None:
    first, second = a_batch(conn, 3), a_batch(conn, 2)

    assert second.serial_first == first.serial_last + 1
    assert first.serial_last - first.serial_first == 2
    assert states(conn, first) == {"generated": 3}
    cards = db.list_cards(conn, now=NOON, limit=9, batch_id=second.batch_id)
    assert [card.serial for card in cards] == [
        second.serial_last,
        second.serial_first,
    ]


def test_batches_made_at_once_share_no_serial(
    conn: Connection, database_url: str
) -> None:
    made = at_once(database_url, [lambda own: a_batch(own, 50)] * 8)

    ranges = sorted(
        (batch.serial_first, batch.serial_last)
        for batch in made
        if isinstance(batch, db.Batch)
    )
    assert len(ranges) == 8, made
    assert all(a[1] + 1 == b[0] for a, b in pairwise(ranges))
    assert rows(conn, "SELECT count(*) FROM card") == [(400,)]


def test_a_package_card_is_worth_what_the_package_costs_with_vat(
    conn: Connection,
) -> None:
    package = a_hotspot_package(
        conn, price=Decimal(100), vat_percent=Decimal(5), vat_inclusive=False
    )
    batch = a_batch(conn, package=package, commission_percent=Decimal("2.5"))

    assert (batch.face_value, batch.package) == (Decimal("105.00"), package)
    # 2.625, half up.
    assert batch.commission == Decimal("2.63")


NONSENSE: list[tuple[dict[str, Any], str]] = [
    ({"quantity": 0}, "from 1 to 1000000 cards"),
    ({"quantity": 1_000_001}, "from 1 to 1000000 cards"),
    ({"face_value": None}, "what a card is worth"),
    ({"face_value": Decimal(0)}, "more than 0"),
    ({"face_value": Decimal(-5)}, "more than 0"),
    ({"face_value": Decimal(10) ** 15}, "too large"),
    ({"commission": Decimal(101)}, "commission is from 0 to"),
    ({"commission": Decimal(-1)}, "commission is from 0 to"),
    ({"commission_percent": Decimal(101)}, "commission is from 0 to"),
    ({"commission": Decimal(1), "commission_percent": Decimal(1)}, "not both"),
    ({"distributor": "  "}, "which distributor"),
    ({"expires_at": NOON}, "expired already"),
    ({"package": "x", "face_value": Decimal(1)}, "only one"),
]


def test_cards_that_make_no_sense_are_not_made(conn: Connection) -> None:
    for order, message in NONSENSE:
        with pytest.raises(BillingError, match=message):
            a_batch(conn, **order)
    assert rows(conn, "SELECT count(*) FROM card_batch") == [(0,)]


def test_cards_are_for_packages_that_are_bought(conn: Connection) -> None:
    with pytest.raises(UnknownPackageError):
        a_batch(conn, package="nothing")
    with pytest.raises(PackageError, match="daily"):
        a_batch(conn, package=a_daily_package(conn))


def test_a_range_is_activated_and_what_was_done_is_kept(
    conn: Connection, tmp_path: Path
) -> None:
    batch = a_batch(conn, 5)
    print_cards(conn, batch, tmp_path)
    first = batch.serial_first

    assert activated(conn, first + 1, first + 3) == 3
    assert states(conn, batch) == {"generated": 2, "active": 3}
    # Again, and overlapping: what is active stays so.
    assert activated(conn, first, first + 3) == 1
    told = [
        (event.what, event.actor, event.cards, event.note)
        for event in db.list_events(conn, first)
    ]
    assert told == [
        ("generated", "test", 5, ""),
        ("printed", "test", 5, f"cards-{first}-{first + 4}.csv"),
        ("activated", "ann", 1, "paid"),
    ]


def test_a_range_is_activated_whole_or_not_at_all(
    conn: Connection, tmp_path: Path
) -> None:
    printed, unprinted = a_batch(conn, 2), a_batch(conn, 2)
    print_cards(conn, printed, tmp_path)
    first = printed.serial_first

    with pytest.raises(CardRangeError, match="2 have not been printed"):
        activated(conn, first, unprinted.serial_last)
    with pytest.raises(CardRangeError, match="1 of them do not exist"):
        activated(conn, first - 1, first)
    with pytest.raises(CardRangeError, match="ends before it begins"):
        activated(conn, first + 1, first)
    with pytest.raises(CardRangeError, match="say why"):
        voided(conn, first, first, reason=" ")
    assert states(conn, printed) == {"generated": 2}


def test_expired_cards_are_told_and_not_activated(
    conn: Connection, tmp_path: Path
) -> None:
    batch = a_batch(conn, 2, expires_at=NOON + timedelta(days=1))
    print_cards(conn, batch, tmp_path)
    first = batch.serial_first
    activated(conn, first, first)
    later = NOON + timedelta(days=1)

    with pytest.raises(CardRangeError, match="1 have expired"):
        activate(conn, first, first + 1, actor="x", note="", now=later)
    assert states(conn, batch, later) == {"expired": 2}
    assert db.read_card(conn, first, now=later).state == "expired"
    assert states(conn, batch, later - timedelta(seconds=1)) == {
        "generated": 1,
        "active": 1,
    }
    expired = db.list_cards(conn, now=later, limit=9, state="expired")
    assert len(expired) == 2


def test_void_leaves_used_cards_used_and_is_for_good(
    conn: Connection, tmp_path: Path
) -> None:
    batch = a_batch(conn, 3)
    pins = print_cards(conn, batch, tmp_path)
    first = batch.serial_first
    activated(conn, first, first + 1)
    customer_id = a_customer(conn, a_package(conn))
    assert try_pin(conn, customer_id, pins[first]).is_credited

    assert voided(conn, first, first + 2) == 2
    assert states(conn, batch) == {"used": 1, "void": 2}
    assert activated(conn, first, first + 2) == 0
    assert voided(conn, first, first + 2) == 0


def test_two_who_activate_a_range_at_once_activate_each_card_once(
    conn: Connection, database_url: str, tmp_path: Path
) -> None:
    batch = a_batch(conn, 300)
    print_cards(conn, batch, tmp_path)
    first, last = batch.serial_first, batch.serial_last

    counts = at_once(
        database_url,
        [
            lambda own: activated(own, first, last - 100),
            lambda own: activated(own, first + 100, last),
        ]
        * 2,
    )

    assert sum(count for count in counts if isinstance(count, int)) == 300, counts
    assert states(conn, batch) == {"active": 300}


def test_void_and_activation_at_once_never_revive_a_card(
    conn: Connection, database_url: str, tmp_path: Path
) -> None:
    batch = a_batch(conn, 200)
    print_cards(conn, batch, tmp_path)
    first, last = batch.serial_first, batch.serial_last

    done = at_once(
        database_url,
        [
            lambda own: voided(own, first, last),
            lambda own: activated(own, first, last),
        ],
    )

    assert done[0] == 200, done
    assert states(conn, batch) == {"void": 200}


def test_a_void_race_with_a_customer_has_one_winner(
    conn: Connection, database_url: str, tmp_path: Path
) -> None:
    customer_id = a_customer(conn, a_package(conn))
    pins = pins_of(conn, tmp_path, 6)
    first = rows(conn, "SELECT min(serial) FROM card")[0][0]

    for number, pin in enumerate(pins):
        serial = first + number

        def use(own: Connection, pin: str = pin) -> bool:
            return try_pin(own, customer_id, pin).is_credited

        def take_back(own: Connection, serial: int = serial) -> bool:
            return voided(own, serial, serial) == 1

        won = at_once(database_url, [use, take_back])
        assert sorted(map(str, won)) == ["False", "True"], won
        state = "used" if won[0] is True else "void"
        assert db.read_card(conn, serial, now=NOON).state == state


def test_what_is_not_there_is_told(conn: Connection) -> None:
    with pytest.raises(db.UnknownCardError, match="no card 7"):
        db.read_card(conn, 7, now=NOON)
    with pytest.raises(db.UnknownBatchError, match="no batch 7"):
        db.read_batch(conn, 7, now=NOON)


def test_cards_are_listed_by_what_a_person_looks_for(
    conn: Connection, tmp_path: Path
) -> None:
    package = a_hotspot_package(conn)
    hotspot = a_batch(conn, package=package, distributor="=Kiosk")
    money = a_batch(conn)
    print_cards(conn, money, tmp_path)
    activate_all(conn, money)
    (package_id,) = rows(
        conn, "SELECT package_id FROM package WHERE name = %s", package
    )[0]

    def serials(**filters: Any) -> list[int]:
        found = db.list_cards(conn, now=NOON, limit=9, **filters)
        return [card.serial for card in found]

    both = [money.serial_first, hotspot.serial_first]
    assert serials() == both
    assert serials(distributor="=Kiosk") == both[1:]
    assert serials(package_id=package_id) == both[1:]
    assert serials(state="active") == both[:1]
    assert serials(batch_id=money.batch_id, state="used") == []
