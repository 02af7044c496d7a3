"""Make, change, replace and delete billing profiles; make VAT profiles and rates."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from billing_core.db import profiles as db
from billing_core.db import suspension as suspension_db
from billing_core.db.connect import Connection, in_transaction
from billing_core.db.cycles import read_vat_profiles
from billing_core.db.operators import log_operator_event
from billing_core.db.profiles import NewProfile, Profile, ProfileUsedError
from billing_core.errors import BillingError
from billing_core.services.changes import Change, change_profile
from billing_core.vat import VatProfile

#: What says when cycles begin and are billed. While customers are on a profile it
#: stays: what they are billed to would no longer end where a cycle begins.
SCHEDULE = (
    "billing_type",
    "bill_trigger",
    "bill_day",
    "in_advance",
    "cycle_ends_with_month",
)


class NoMoveError(BillingError):
    """Customers are moved to another profile than theirs."""

    def __init__(self, name: str) -> None:
        super().__init__(f"They are on {name}: choose another profile.")


@dataclass(slots=True)
class Moved:
    """What became of customers who were put on another profile."""

    #: (username, what the change does or did)
    changes: list[tuple[str, Change]] = field(default_factory=list)
    #: (username, why he stays)
    refused: list[tuple[str, str]] = field(default_factory=list)
    #: The last of those who were looked at; go on after him.
    reached: int = 0


def add_profile(
    conn: Connection, profile: NewProfile, *, actor: str, now: datetime
) -> int:
    """Make a billing profile; returns its id."""

    def work() -> int:
        profile_id = db.insert_profile(conn, profile)
        _log(conn, "billing profile made", profile.name, actor, now)
        return profile_id

    return in_transaction(conn, work)


def edit_profile(
    conn: Connection, profile_id: int, wanted: NewProfile, *, actor: str, now: datetime
) -> None:
    """Say anew what a billing profile does; it holds from the next bill on.

    Its schedule can change only while nobody is on it. Whether suspended time is billed
    changes from now on, for those who are suspended, too.
    """

    def work() -> None:
        profile = db.lock_profile(conn, profile_id)
        changed = [
            each.name
            for each in fields(NewProfile)
            if getattr(profile, each.name) != getattr(wanted, each.name)
        ]
        if profile.customers and not set(SCHEDULE).isdisjoint(changed):
            raise ProfileUsedError(
                profile.name,
                "when they are billed changes by another profile, to which they move",
            )
        db.update_profile(conn, profile_id, wanted)
        if "bill_while_suspended" in changed:
            follow = (
                suspension_db.bill_suspended_from
                if wanted.bill_while_suspended
                else suspension_db.bill_suspended_until
            )
            follow(conn, profile_id, now)
        note = ", ".join(
            f"{name} {getattr(profile, name)} -> {getattr(wanted, name)}"
            for name in changed
        )
        _log(conn, "billing profile", f"{profile.name}: {note}", actor, now)

    in_transaction(conn, work)


def delete_profile(
    conn: Connection, profile_id: int, *, actor: str, now: datetime
) -> Profile:
    """Delete a billing profile that nobody is on."""

    def work() -> Profile:
        profile = db.lock_profile(conn, profile_id)
        db.delete_profile(conn, profile)
        _log(conn, "billing profile deleted", profile.name, actor, now)
        return profile

    return in_transaction(conn, work)


def move_customers(
    conn: Connection,
    from_id: int,
    to_id: int,
    *,
    after: int = 0,
    limit: int,
    preview: bool = False,
    actor: str,
    now: datetime,
    zone: ZoneInfo,
) -> Moved:
    """Put customers of one profile on another, each in a transaction of his own.

    Each is credited and charged as by a change of his profile alone. Who cannot be
    moved stays, with the reason; it is safe to repeat.
    """
    old, new = db.read_profile(conn, from_id), db.read_profile(conn, to_id)
    if old == new:
        raise NoMoveError(old.name)
    moved = Moved(reached=after)
    for customer_id, username in db.list_customers_on(
        conn, from_id, after=after, limit=limit
    ):
        moved.reached = customer_id
        try:
            change = change_profile(
                conn,
                username,
                new.name,
                preview=preview,
                actor=actor,
                now=now,
                zone=zone,
            )
        except BillingError as error:
            moved.refused.append((username, str(error)))
        else:
            moved.changes.append((username, change))
    if moved.changes and not preview:
        note = f"{old.name} -> {new.name}: {len(moved.changes)} customers"
        _log(conn, "billing profile replaced", note, actor, now)
    return moved


def add_vat_profile(
    conn: Connection,
    name: str,
    *,
    registration_number: str,
    inclusive: bool,
    rates: Sequence[tuple[date, Decimal]],
    actor: str,
    now: datetime,
) -> int:
    """Make a VAT profile with its rates; returns its id."""
    # Refuses what no rate can be, in a person's words.
    checked = VatProfile(0, name, inclusive, tuple(rates), registration_number)

    def work() -> int:
        vat_profile_id = db.insert_vat_profile(
            conn,
            name,
            registration_number=registration_number,
            inclusive=inclusive,
            rates=list(checked.rates),
        )
        _log(conn, "VAT profile made", name, actor, now)
        return vat_profile_id

    return in_transaction(conn, work)


def add_vat_rate(
    conn: Connection,
    vat_profile_id: int,
    effective_from: date,
    percent: Decimal,
    *,
    actor: str,
    now: datetime,
) -> None:
    """Let a VAT profile have another rate from a day on; bills issued keep theirs."""

    def work() -> None:
        found = read_vat_profiles(conn).get(vat_profile_id)
        if found is None:
            raise db.UnknownProfileError("VAT", str(vat_profile_id))
        rates = (*found.rates, (effective_from, percent))
        VatProfile(vat_profile_id, found.name, found.inclusive, rates)
        db.add_vat_rate(conn, vat_profile_id, effective_from, percent)
        note = f"{found.name}: {percent} % from {effective_from}"
        _log(conn, "VAT rate", note, actor, now)

    in_transaction(conn, work)


def _log(conn: Connection, what: str, note: str, actor: str, now: datetime) -> None:
    log_operator_event(conn, at=now, actor=actor, what=what, note=note)
