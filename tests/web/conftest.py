"""A site with a database of its own, and browsers (Flask's client) of each role."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from billing_core.db import operators as operators_db
from billing_core.db.connect import Connection
from billing_core.services.operators import add_operator
from billing_core.services.web_logins import open_session
from billing_core.settings import Settings
from tests.builders import KEY
from tests.screens import chromium  # noqa: F401 - a fixture
from web import create_app
from web.access import COOKIE
from web.desk import close_desks

PASSWORD = "correct horse battery"
_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


@dataclass(slots=True)
class Browser:
    """Flask's client, which sends the CSRF token that a person's form would."""

    client: FlaskClient

    def get(self, path: str, **more: Any) -> TestResponse:
        """Look at a page, to its end: as a server does, which then closes it."""
        return self.client.get(path, buffered=True, **more)

    def post(self, path: str, data: dict[str, Any] | None = None) -> TestResponse:
        """Send a form, with the token of a page that was looked at before."""
        return self.client.post(
            path,
            data={"csrf_token": self.csrf_token(), **(data or {})},
            buffered=True,
        )

    def post_without_token(self, path: str, data: dict[str, Any]) -> TestResponse:
        """Send a form as another site would."""
        return self.client.post(path, data=data)

    def csrf_token(self) -> str:
        """Return the token that pages show."""
        for path in ("/login", "/account"):
            found = _TOKEN.search(self.client.get(path).text)
            if found:
                return found[1]
        raise AssertionError("no page shows a CSRF token")


@dataclass(slots=True)
class Site:
    """The app on a database, and who looks at it."""

    app: Flask
    conn: Connection
    _roles: dict[str, int] = field(default_factory=dict)

    def anonymous(self) -> Browser:
        """Return the browser of somebody who is not logged in."""
        return Browser(self.app.test_client())

    def as_admin(self) -> Browser:
        """Return the browser of an admin."""
        return self.as_somebody("boss", "admin")

    def as_operator(self, username: str = "mirpur") -> Browser:
        """Return the browser of a reseller."""
        return self.as_somebody(username, "operator")

    def as_manager(self, *permissions: str, parent: str | None = None) -> Browser:
        """Return the browser of a manager who may this and nothing else."""
        username = "-".join(["manager", *sorted(permissions)]).replace("_", "")[:60]
        return self.as_somebody(username, "manager", permissions, parent)

    def as_somebody(
        self,
        username: str,
        role: str,
        permissions: tuple[str, ...] = (),
        parent: str | None = None,
    ) -> Browser:
        """Return the browser of an operator, who is taken on if need be."""
        operator_id = self.operator_id(username, role, permissions, parent)
        return self._logged_in(operator_id=operator_id)

    def operator_id(
        self,
        username: str,
        role: str = "operator",
        permissions: tuple[str, ...] = (),
        parent: str | None = None,
    ) -> int:
        """Return the id of an operator, who is taken on if need be."""
        if username not in self._roles:
            if operators_db.read_credentials(self.conn, username) is None:
                add_operator(
                    self.conn,
                    username,
                    PASSWORD,
                    role,
                    permissions=permissions,
                    parent=parent,
                    actor="test",
                    now=datetime.now(UTC),
                )
            found = operators_db.find_operator(self.conn, username)
            self._roles[username] = found.operator_id
        return self._roles[username]

    def as_customer(self, customer_id: int) -> Browser:
        """Return the browser of a customer in the portal."""
        return self._logged_in(customer_id=customer_id)

    def _logged_in(self, **whose: int) -> Browser:
        # As a login does it, without the hundred milliseconds of Argon2.
        from billing_core.services.web_logins import OPERATOR_IDLE, OPERATOR_LONGEST

        opened = open_session(
            self.conn,
            idle=OPERATOR_IDLE,
            longest=OPERATOR_LONGEST,
            address="127.0.0.1",
            now=datetime.now(UTC),
            **whose,
        )
        browser = self.anonymous()
        browser.client.set_cookie(COOKIE, opened.token)
        return browser


def settings_for(database_url: str) -> Settings:
    """Return the settings of a site on a database."""
    return Settings(
        database_url=database_url,
        secret_key=KEY,
        currency="BDT",
        zone=ZoneInfo("Asia/Dhaka"),
        var_dir=Path("var"),
        web_host="127.0.0.1",
        web_port=8080,
        log_level="INFO",
    )


@pytest.fixture
def site(database_url: str, conn: Connection) -> Iterator[Site]:
    """A site of this test's own."""
    app = create_app(settings_for(database_url))
    try:
        yield Site(app, conn)
    finally:
        close_desks(app)
