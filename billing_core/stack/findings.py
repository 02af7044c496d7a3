"""What an examination of the installation looks at and what it returns."""

from dataclasses import asdict, dataclass

from billing_core.db.connect import Connection
from billing_core.settings import Settings
from billing_core.stack.layout import Layout
from billing_core.stack.state import State

OK, WARN, FAIL = "ok", "warn", "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what was found and how to mend it."""

    check: str
    state: str
    found: str
    mend: str = ""

    def as_json(self) -> dict[str, str]:
        """Return the finding for `--json`."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Patient:
    """What the checks may look at; None where it could not be had."""

    layout: Layout
    state: State
    settings: Settings | None
    settings_error: str
    conn: Connection | None
    conn_error: str
    is_running: bool
    radius_secret: str


def ok(check: str, found: str) -> Finding:
    """All is well with this."""
    return Finding(check, OK, found)


def warn(check: str, found: str, mend: str) -> Finding:
    """Something will become a trouble, or already is a small one."""
    return Finding(check, WARN, found, mend)


def fail(check: str, found: str, mend: str) -> Finding:
    """Customers or money suffer from this now."""
    return Finding(check, FAIL, found, mend)


def times(count: int) -> str:
    """Write how often something happened."""
    return "once" if count == 1 else f"{count} times"
