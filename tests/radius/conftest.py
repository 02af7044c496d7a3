"""A real FreeRADIUS with our module, PostgreSQL and worker; simulated NAS before it."""

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from billing_core import stack
from billing_core.db.connect import Connection, connect
from billing_core.db.nas import NewNas
from billing_core.services.nas import add_nas
from billing_core.stack.layout import Layout
from simulators.nas import Flavour, SimulatedNas
from tests.radius.isp import Isp, PatientNas
from tests.screens import chromium, phone  # noqa: F401 - fixtures

SECRET = "testing123"
PROCESSES = ("postgres", "freeradius", "worker", "scheduler")
_addresses = itertools.count(1)
# Test processes that run side by side (pytest-xdist: gw0, gw1 …) bind addresses of
# their own.
_NETWORK = 9 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
# NAS that FreeRADIUS knew when it started, by stack: it takes no more than one new
# address a second (radius.md §2.1), and most tests are not about that.
_known: dict[Path, list[str]] = {}


def next_address() -> str:
    """Return a loopback address that no other simulated NAS of the run has."""
    number = next(_addresses)
    return f"127.{_NETWORK}.{number // 250}.{number % 250 + 1}"


@contextmanager
def running_stack(
    *, known_nas: int, settings: str = "", **options: object
) -> Iterator[stack.Stack]:
    """Start a stack whose FreeRADIUS knows some NAS from its start on.

    `settings` are lines more of khata.toml.
    """
    with stack.scratch_var() as var:
        with (
            stack.up(var, processes=("postgres",), fast_init=True) as database,
            connect(database.database_url, application="tests") as conn,
        ):
            addresses = [next_address() for _ in range(known_nas)]
            for address in addresses:
                add_nas(conn, NewNas(name=address, address=address, secret=SECRET))
        with Layout(var).config.open("a", encoding="utf-8") as config:
            config.write(settings)
        with stack.up(var, processes=PROCESSES, **options) as running:  # type: ignore[arg-type]
            _known[running.var] = addresses
            yield running


@pytest.fixture(scope="session")
def radius_stack() -> Iterator[stack.Stack]:
    """One stack for all tests that do not break it."""
    with running_stack(known_nas=500) as running:
        yield running


@pytest.fixture
def own_stack() -> Iterator[stack.Stack]:
    """A stack that this test may break."""
    with running_stack(known_nas=8) as running:
        yield running


@pytest.fixture(scope="module")
def module_stack() -> Iterator[stack.Stack]:
    """A stack that the tests of one module may hurt, if they heal it again."""
    with running_stack(known_nas=60) as running:
        yield running


@pytest.fixture
def radius_conn(radius_stack: stack.Stack) -> Iterator[Connection]:
    """A connection to the common stack's database."""
    with connect(radius_stack.database_url, application="tests") as conn:
        yield conn


@pytest.fixture
def isp(radius_stack: stack.Stack) -> Iterator[Isp]:
    """The provider that runs the common stack."""
    with Isp(radius_stack) as provider:
        yield provider


@pytest.fixture
def nas_of() -> Iterator[Callable[..., SimulatedNas]]:
    """Make simulated NAS, registered with a stack; they end with the test."""
    with ExitStack() as open_ones:

        def make(on: stack.Stack, **options: object) -> SimulatedNas:
            return open_ones.enter_context(a_simulated_nas(on, **options))

        yield make


def a_simulated_nas(
    on: stack.Stack,
    *,
    vendor: str = "mikrotik",
    octets_swapped: bool = False,
    is_known: bool = True,
    is_patient: bool = True,
    **options: object,
) -> SimulatedNas:
    """Switch a NAS on; FreeRADIUS knows it already, or learns of it when it speaks."""
    options.setdefault("flavour", Flavour.PPPOE)
    known = _known.get(on.var) if is_known else None
    if known == []:
        raise AssertionError("This stack has no known NAS left: raise its known_nas.")
    address = known.pop() if known else next_address()
    kind = PatientNas if is_patient else SimulatedNas
    nas = kind(
        address,
        SECRET.encode(),
        auth=("127.0.0.1", on.auth_port),
        acct=("127.0.0.1", on.acct_port),
        **options,  # type: ignore[arg-type]
    )
    facts = NewNas(
        name=nas.identifier,
        address=address,
        secret=SECRET,
        vendor=vendor,
        coa_port=nas.coa_port,
        interim_interval_seconds=60,
        octets_swapped=octets_swapped,
    )
    with connect(on.database_url, application="tests") as conn, conn.transaction():
        before = conn.execute(
            "DELETE FROM nas WHERE address = %s RETURNING nas_id", [address]
        ).fetchone()
        nas_id = add_nas(conn, facts)
        if before is not None:
            # FreeRADIUS knows it by its number.
            conn.execute(
                "UPDATE nas SET nas_id = %s WHERE nas_id = %s", [before[0], nas_id]
            )
    return nas
