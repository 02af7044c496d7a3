"""A real FreeRADIUS with our module, PostgreSQL and worker; simulated NAS before it."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from billing_core import stack
from billing_core.db.connect import Connection, connect
from billing_core.db.nas import NewNas
from billing_core.services.nas import add_nas
from simulators.nas import Flavour, SimulatedNas

SECRET = "testing123"
_addresses = itertools.count(1)


@pytest.fixture(scope="session")
def radius_stack() -> Iterator[stack.Stack]:
    """One stack for all tests that do not break it."""
    with (
        stack.scratch_var() as var,
        stack.up(
            var,
            processes=("postgres", "freeradius", "worker", "scheduler"),
            fast_init=True,
        ) as running,
    ):
        yield running


@pytest.fixture
def own_stack() -> Iterator[stack.Stack]:
    """A stack that this test may break."""
    with (
        stack.scratch_var() as var,
        stack.up(
            var,
            processes=("postgres", "freeradius", "worker", "scheduler"),
            fast_init=True,
        ) as running,
    ):
        yield running


@pytest.fixture
def radius_conn(radius_stack: stack.Stack) -> Iterator[Connection]:
    """A connection to the common stack's database."""
    with connect(radius_stack.database_url, application="tests") as conn:
        yield conn


def next_address() -> str:
    """Return a loopback address that no other simulated NAS of the run has."""
    number = next(_addresses)
    return f"127.9.{number // 250}.{number % 250 + 1}"


@pytest.fixture
def nas_of() -> Iterator[Callable[..., SimulatedNas]]:
    """Make simulated NAS, registered with a stack; they end with the test."""
    with ExitStack() as open_ones:

        def make(
            on: stack.Stack, *, vendor: str = "mikrotik", **options: object
        ) -> SimulatedNas:
            options.setdefault("flavour", Flavour.PPPOE)
            nas = open_ones.enter_context(
                SimulatedNas(
                    next_address(),
                    SECRET.encode(),
                    auth=("127.0.0.1", on.auth_port),
                    acct=("127.0.0.1", on.acct_port),
                    **options,  # type: ignore[arg-type]
                )
            )
            with connect(on.database_url, application="tests") as conn:
                add_nas(
                    conn,
                    NewNas(
                        name=nas.identifier,
                        address=nas.address,
                        secret=SECRET,
                        vendor=vendor,
                        coa_port=nas.coa_port,
                        interim_interval_seconds=60,
                    ),
                )
            return nas

        yield make
