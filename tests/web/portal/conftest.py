"""A site whose customers can pay: a simulated bKash, transfers, cards, SMS."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_network

import pytest

from billing_core.channels import SmsGateway
from billing_core.db.connect import Connection
from billing_core.gateway_settings import PaymentSettings, Verification
from billing_core.hotspot import HotspotHosts
from simulators.gateways.common import wall_clock
from tests.cards import CARD_KEYS
from tests.gateways.bkash_shop import Shop
from tests.web.conftest import Browser, Site, settings_for
from web import create_app
from web.desk import close_desks

NUMBERS = "bKash 01700-000000 (personal)"


@dataclass(slots=True)
class Portal:
    """The portal, and the simulated bKash behind it."""

    site: Site
    shop: Shop

    @property
    def conn(self) -> Connection:
        """Return the database's connection."""
        return self.site.conn

    def visitor(self) -> Browser:
        """Return the browser of somebody who is not logged in."""
        return self.site.anonymous()

    def of(self, customer_id: int) -> Browser:
        """Return a customer's browser."""
        return self.site.as_customer(customer_id)


@pytest.fixture
def portal(database_url: str, conn: Connection) -> Iterator[Portal]:
    """A portal of this test's own, where what bKash confirms is credited at once."""
    with a_portal(database_url, conn, "automatic") as made:
        yield made


@pytest.fixture
def verifying_portal(database_url: str, conn: Connection) -> Iterator[Portal]:
    """A portal of this test's own, where an operator verifies each payment."""
    with a_portal(database_url, conn, "operator") as made:
        yield made


@contextmanager
def a_portal(
    database_url: str, conn: Connection, verification: Verification
) -> Iterator[Portal]:
    """Open a portal with a simulated bKash."""
    shop = Shop()
    shop.bkash.clock = wall_clock
    settings = replace(
        settings_for(database_url),
        payments=PaymentSettings(
            public_url="https://isp.example",
            verification={"bkash": verification},
            transfer_numbers=NUMBERS,
        ),
        card_keys=CARD_KEYS,
        sms_gateway=SmsGateway("http://127.0.0.1:9/?to={recipient}&text={text}"),
        hotspot_hosts=HotspotHosts(
            frozenset({"login.hotspot.example"}), (ip_network("10.5.50.0/24"),)
        ),
    )
    app = create_app(settings)
    app.extensions["khata_gateways"] = {"bkash": shop.gateway}
    try:
        yield Portal(Site(app, conn), shop)
    finally:
        close_desks(app)
