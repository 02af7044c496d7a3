"""The demo's ISP: two NAS, three packages, a few customers; new names each time."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from billing_core.db import nas as nas_db
from billing_core.db.connect import Connection, connect
from billing_core.db.customers import Customer, find_customer_id, read_customer
from billing_core.db.packages import NewPackage, list_packages
from billing_core.db.packages import insert_package as add_package
from billing_core.services.cash import take_cash
from billing_core.services.nas import add_nas
from billing_core.services.registration import Registration, add_customer
from billing_core.stack import Stack
from simulators.nas import Flavour, SimulatedNas

SECRET = "simulated-nas-secret"  # noqa: S105 - of a simulated NAS on loopback
PASSWORD = "simulated-customer"  # noqa: S105 - of simulated customers
PPPOE_ADDRESS = "127.0.0.11"
HOTSPOT_ADDRESS = "127.0.0.12"

HOME = NewPackage(
    name="Home 10M (demo)",
    billing="daily",
    price=Decimal(600),
    validity_seconds=30 * 86400,
    vat_percent=Decimal(5),
    rate_up_bps=5_000_000,
    rate_down_bps=10_000_000,
    interim_interval_seconds=60,
)
HOTSPOT = NewPackage(
    name="Hotspot by the minute (demo)",
    billing="per_session",
    price_per_minute=Decimal(1),
    increment_seconds=60,
    vat_percent=Decimal(5),
    rate_up_bps=2_000_000,
    rate_down_bps=2_000_000,
    interim_interval_seconds=60,
)


@dataclass(slots=True)
class Scene:
    """Everything that the demo's steps act on."""

    stack: Stack
    conn: Connection
    pppoe: SimulatedNas
    hotspot: SimulatedNas
    #: Makes this run's usernames its own.
    mark: str

    def reconnect(self) -> None:
        """Connect again, after the database was away."""
        self.conn.close()
        self.conn = connect(self.stack.database_url, application="demo")

    def customer(self, name: str, package: NewPackage, balance: str) -> str:
        """Take a customer on, with cash in the wallet, and return the username."""
        username = f"{name}-{self.mark}"
        add_customer(
            self.conn,
            Registration(username=username, password=PASSWORD, package=package.name),
            secret_key=self.stack.settings.secret_key,
            actor="demo",
            now=datetime.now(UTC),
        )
        if Decimal(balance):
            self.cash(username, balance)
        return username

    def cash(self, username: str, amount: str) -> None:
        """Take cash from a customer."""
        take_cash(
            self.conn,
            username,
            Decimal(amount),
            key=secrets.token_hex(8),
            operator="demo",
            note="demo",
            now=datetime.now(UTC),
        )

    def posted(self, username: str) -> Decimal:
        """Return what is in a wallet, as the database says."""
        return self._customer(username).posted

    def available(self, username: str) -> Decimal:
        """Return what may be spent from a wallet, as the database says."""
        return self._customer(username).available

    def one(self, query: str, *values: object) -> object:
        """Return the single value that the database answers."""
        row = self.conn.execute(query.encode(), values).fetchone()
        return None if row is None else row[0]

    def _customer(self, username: str) -> Customer:
        return read_customer(self.conn, find_customer_id(self.conn, username))


@contextmanager
def set_the_scene(stack: Stack) -> Iterator[Scene]:
    """Register packages and NAS that are not yet, and switch the simulated NAS on."""
    conn = connect(stack.database_url, application="demo")
    known = {package.name for package in list_packages(conn)}
    for package in (HOME, HOTSPOT):
        if package.name not in known:
            add_package(conn, package)
    auth = ("127.0.0.1", stack.auth_port)
    acct = ("127.0.0.1", stack.acct_port)
    with (
        SimulatedNas(
            address=PPPOE_ADDRESS, secret=SECRET.encode(), auth=auth, acct=acct
        ) as pppoe,
        SimulatedNas(
            address=HOTSPOT_ADDRESS,
            secret=SECRET.encode(),
            auth=auth,
            acct=acct,
            flavour=Flavour.HOTSPOT,
        ) as hotspot,
    ):
        for nas, name in ((pppoe, "demo-pppoe"), (hotspot, "demo-hotspot")):
            _register(conn, nas, name)
        scene = Scene(stack, conn, pppoe, hotspot, secrets.token_hex(3))
        try:
            yield scene
        finally:
            scene.conn.close()


def _register(conn: Connection, nas: SimulatedNas, name: str) -> None:
    """Register a simulated NAS, at the CoA port that it has this time."""
    if any(known.name == name for known in nas_db.list_nas(conn)):
        nas_db.set_coa_port(conn, name, nas.coa_port)
        return
    add_nas(
        conn,
        nas_db.NewNas(
            name=name,
            address=nas.address,
            secret=SECRET,
            coa_port=nas.coa_port,
            # As its customers' packages say: it goes home with the demo.
            interim_interval_seconds=3600,
        ),
    )
