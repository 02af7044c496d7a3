"""Put packages on sale, change what may be changed, sell them no more."""

from dataclasses import asdict, dataclass
from datetime import datetime

from billing_core.billing_terms import DAILY
from billing_core.db import packages as db
from billing_core.db.connect import Connection, in_transaction
from billing_core.db.operators import log_operator_event
from billing_core.db.packages import NewPackage, Package, PackageUses
from billing_core.kinds import PER_SESSION

#: A session is charged what all of it is worth now, less what was charged: with another
#: tariff the part that is over would be charged anew.
_TARIFF = (
    "setup_fee",
    "price_per_minute",
    "price_per_mb",
    "increment_seconds",
    "increment_octets",
    "minimum_charge",
    "free_seconds",
    "vat_percent",
    "vat_inclusive",
)


@dataclass(frozen=True, slots=True)
class PackageChange:
    """What is said anew of a package, and whom it is about."""

    was: Package
    becomes: NewPackage
    uses: PackageUses

    @property
    def changes(self) -> dict[str, tuple[object, object]]:
        """Return what differs, by its name: (before, after)."""
        new = asdict(self.becomes)
        return {
            name: (getattr(self.was, name), value)
            for name, value in new.items()
            if getattr(self.was, name) != value
        }


def put_on_sale(
    conn: Connection, package: NewPackage, *, actor: str, now: datetime
) -> int:
    """Put a package on sale, and log who did; returns its id."""

    def work() -> int:
        package_id = db.insert_package(conn, package)
        note = f"{package.name}, {package.billing}, {package.price}"
        _log(conn, "package added", note, actor, now)
        return package_id

    return in_transaction(conn, work)


def preview_change(
    conn: Connection, name: str, becomes: NewPackage, *, now: datetime
) -> PackageChange:
    """Tell what a change would do; refuse what may not be changed. Writes nothing."""
    was = db.find_package(conn, name)
    change = PackageChange(
        was, becomes, db.read_package_uses(conn, was.package_id, now=now)
    )
    _check(change)
    return change


def change_package(
    conn: Connection, name: str, becomes: NewPackage, *, actor: str, now: datetime
) -> PackageChange:
    """Say anew what a package is.

    Bills that are issued, days that are paid and packages that are bought stay as they
    are: it holds from the next bill, day, purchase or session, and rates from the next
    login.
    """

    def work() -> PackageChange:
        db.lock_package(conn, db.find_package(conn, name).package_id)
        change = preview_change(conn, name, becomes, now=now)
        db.update_package(conn, change.was.package_id, becomes)
        if change.changes:
            told = "; ".join(f"{k}: {a} -> {b}" for k, (a, b) in change.changes.items())
            _log(conn, "package changed", f"{name}: {told}", actor, now)
        return change

    return in_transaction(conn, work)


def set_withdrawn(
    conn: Connection, name: str, *, is_withdrawn: bool, actor: str, now: datetime
) -> bool:
    """Sell a package no more (who has it keeps it), or again; False = it was so."""

    def work() -> bool:
        package = db.find_package(conn, name)
        if not db.set_withdrawn(conn, package.package_id, is_withdrawn=is_withdrawn):
            return False
        what = "package withdrawn" if is_withdrawn else "package sold again"
        _log(conn, what, name, actor, now)
        return True

    return in_transaction(conn, work)


def _check(change: PackageChange) -> None:
    was, changed = change.was, change.changes
    if "billing" in changed:
        raise db.PackageError(was.name, "how it is billed stays: make another package")
    if was.billing == DAILY and "validity_seconds" in changed:
        raise db.PackageError(
            was.name,
            "its days stay, since a day costs the price divided by them: change the"
            " price, or make another package",
        )
    sessions = change.uses.sessions
    if (
        was.billing == PER_SESSION
        and sessions
        and not changed.keys().isdisjoint(_TARIFF)
    ):
        raise db.PackageError(
            was.name,
            f"{sessions} session(s) run at this tariff, and would be charged anew from"
            " their beginning: make another package and let customers change to it",
        )


def _log(conn: Connection, what: str, note: str, actor: str, now: datetime) -> None:
    log_operator_event(conn, at=now, actor=actor, what=what, note=note)
