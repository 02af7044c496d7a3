"""Bring the database to what the other processes need before they start."""

from datetime import UTC, datetime

from billing_core.db.connect import Connection, connect
from billing_core.db.nas import NasTraits, list_nas
from billing_core.migrations import migrate
from billing_core.services.nas import ensure_local_nas
from billing_core.services.operators import ensure_admin
from billing_core.settings import Settings
from billing_core.stack.errors import StackError
from billing_core.stack.layout import ADMIN_USERNAME


def prepare_database(
    database_url: str, settings: Settings, radius_secret: str, admin_password: str
) -> list[NasTraits]:
    """Migrate, fix money and zone, know this machine as a NAS, let the admin in.

    Returns every NAS.
    """
    migrate(database_url)
    with connect(database_url, application="up") as conn:
        _fix_money_and_zone(conn, settings)
        ensure_local_nas(conn, radius_secret)
        ensure_admin(conn, ADMIN_USERNAME, admin_password, now=datetime.now(UTC))
        return list_nas(conn)


def _fix_money_and_zone(conn: Connection, settings: Settings) -> None:
    """Record currency and zone once; another one later would change what was booked."""
    conn.execute(
        "INSERT INTO installation (currency, zone) VALUES (%s, %s)"
        " ON CONFLICT DO NOTHING",
        (settings.currency, settings.zone.key),
    )
    row = conn.execute("SELECT currency, zone FROM installation").fetchone()
    if row != (settings.currency, settings.zone.key):
        raise StackError(
            f"The database keeps its books in {row}, but the settings say "
            f"{(settings.currency, settings.zone.key)}.",
            "Put currency and zone in khata.toml back to what they were.",
        )
