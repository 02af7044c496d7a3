"""Ask the database what a login needs, in one statement and never for long.

What is asked for each login is the customer alone, live. Packages and NAS are the same
for thousands of logins and change by hand: they are kept for a second.
"""

import time
from datetime import date
from types import MappingProxyType

from billing_core.access import (
    AccessRequest,
    AccessState,
    Nas,
    Package,
    RunningSession,
    Suspension,
)
from billing_core.mac_addresses import normalise_station
from radius_module.connecting import Purpose
from radius_module.libpq import QuestionRefusedError
from radius_module.line import Line
from radius_module.rows import (
    Row,
    has_running,
    nas_of,
    package_of,
    running_of,
    state_of,
    suspension_of,
)

# For everything that one login asks: it is answered within 100 ms, come what may. A
# healthy database needs a tenth of a millisecond.
DEADLINE_SECONDS = 0.08

DECIDING = Purpose(
    "khata radius",
    MappingProxyType(
        {
            "load_access_state": ("usernames", "service_dates"),
            "load_running": ("customer_ids", "nas_ids", "calling_station_ids"),
            "load_package": ("package_ids",),
            "load_nas": ("nas_ids",),
            "load_suspension": ("customer_ids",),
        }
    ),
    is_durable=False,
)

# How long a package or NAS that was read stays true.
_KEPT_SECONDS = 1.0
_KEPT_MAX = 10_000

_NOTHING_KEPT = (None, 0.0)


class AccessDatabase:
    """What logins ask; any number of threads may."""

    def __init__(self, database_url: str) -> None:
        self.line = Line(database_url, DECIDING)
        # Each with the moment until which it is taken for true.
        self._packages: dict[bytes, tuple[Package, float]] = {}
        self._nas: dict[bytes, tuple[Nas | None, float]] = {}

    def load_access_state(
        self, request: AccessRequest, service_date: date
    ) -> AccessState | None:
        """Return what is known of who logs in; None = nobody has that username."""
        asked = _Login(self.line)
        row = asked.ask(
            b"load_access_state",
            request.username.encode(),
            service_date.isoformat().encode(),
        )
        if row is None:
            return None
        package_id, nas_id = row[0] or b"", request.nas_id.encode()
        package, until = self._packages.get(package_id, _NOTHING_KEPT)
        if package is None or asked.started >= until:
            package = self._load_package(asked, package_id)
        nas, until = self._nas.get(nas_id, _NOTHING_KEPT)
        if asked.started >= until:
            nas = self._load_nas(asked, nas_id)
        state = state_of(row, package, nas)
        if has_running(row):
            running = _load_running(asked, row, request)
            state = state._replace(running=running)
        if state.status == "suspended":
            suspension = _load_suspension(asked, row[1] or b"")
            state = state._replace(suspension=suspension)
        return state

    def _load_package(self, asked: "_Login", package_id: bytes) -> Package:
        row = asked.ask(b"load_package", package_id)
        if row is None:
            raise QuestionRefusedError("the customer's package is gone")
        if len(self._packages) >= _KEPT_MAX:
            self._packages.clear()
        package = package_of(row)
        self._packages[package_id] = package, time.monotonic() + _KEPT_SECONDS
        return package

    def _load_nas(self, asked: "_Login", nas_id: bytes) -> Nas | None:
        row = asked.ask(b"load_nas", nas_id)
        if len(self._nas) >= _KEPT_MAX:
            self._nas.clear()
        nas = None if row is None else nas_of(row)
        self._nas[nas_id] = nas, time.monotonic() + _KEPT_SECONDS
        return nas


class _Login:
    """One login's questions, which share a deadline."""

    __slots__ = ("_deadline", "_line", "started")

    def __init__(self, line: Line) -> None:
        self._line = line
        self.started = time.monotonic()
        self._deadline = self.started + DEADLINE_SECONDS

    def ask(self, statement: bytes, *parameters: bytes) -> Row | None:
        return self._line.ask(statement, parameters, self.started, self._deadline)


def _load_running(
    asked: _Login, row: Row, request: AccessRequest
) -> tuple[RunningSession, ...]:
    station = normalise_station(request.calling_station_id).encode()
    found = asked.ask(b"load_running", row[1] or b"", request.nas_id.encode(), station)
    return () if found is None else running_of(found)


def _load_suspension(asked: _Login, customer_id: bytes) -> Suspension | None:
    row = asked.ask(b"load_suspension", customer_id)
    return None if row is None else suspension_of(row)
