"""Facts that were fixed when the database was made."""

from zoneinfo import ZoneInfo

from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries
from billing_core.errors import BillingError

_QUERIES = load_queries("installation")


class NotInstalledError(BillingError):
    """The database has no currency and zone yet; `khata up` sets them."""

    def __init__(self) -> None:
        super().__init__(self.__class__.__doc__)


class InstallationMismatchError(BillingError):
    """The settings contradict what the books are kept in."""

    def __init__(self, books: tuple[str, str], settings: tuple[str, str]) -> None:
        super().__init__(
            f"The books are kept in {books[0]} and {books[1]}, but the settings say"
            f" {settings[0]} and {settings[1]}: put currency and zone back."
        )


def check_installation(conn: Connection, currency: str, zone: ZoneInfo) -> None:
    """Refuse settings under which amounts and days would mean something else."""
    row = conn.execute(_QUERIES["read_installation"]).fetchone()
    if row is not None and row != (currency, zone.key):
        raise InstallationMismatchError(row, (currency, zone.key))


def read_zone(conn: Connection) -> ZoneInfo:
    """Return the zone whose civil days are service days."""
    row = conn.execute(_QUERIES["read_zone"]).fetchone()
    if row is None:
        raise NotInstalledError
    return ZoneInfo(row[0])
