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


def read_zone(conn: Connection) -> ZoneInfo:
    """Return the zone whose civil days are service days."""
    row = conn.execute(_QUERIES["read_zone"]).fetchone()
    if row is None:
        raise NotInstalledError
    return ZoneInfo(row[0])
