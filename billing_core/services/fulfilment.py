"""Do what an attempt was paid for, once its money is in the wallet."""

from datetime import datetime

from billing_core.db import payments as db
from billing_core.db.connect import Connection
from billing_core.db.packages import PackageError, list_packages
from billing_core.db.payments import Attempt
from billing_core.services.purchases import (
    NotEnoughMoneyError,
    NotUsedYetError,
    buy_package,
)


def fulfil(conn: Connection, attempt: Attempt, *, now: datetime, actor: str) -> None:
    """Buy the package that an attempt was made for, in the caller's transaction.

    What cannot be bought any more leaves the money in the wallet, and the attempt's
    log says why. Bills are settled from the wallet by what follows every credit.
    """
    if attempt.purpose != "package":
        return
    names = {each.package_id: each.name for each in list_packages(conn)}
    name = names.get(attempt.package_id or 0, "")
    try:
        buy_package(
            conn,
            attempt.username,
            name,
            key=f"payment:{attempt.reference}",
            actor=actor,
            now=now,
        )
    except (NotEnoughMoneyError, NotUsedYetError, PackageError) as error:
        db.log_event(
            conn,
            attempt.attempt_id,
            at=now,
            actor=actor,
            what="paid",
            note=f"The money stays in the wallet: {error}",
        )
