"""`khata operator`: people who work in the web pages."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from billing_core.db.connect import Connection
from billing_core.services import web_logins
from billing_core.services.operators import ensure_admin
from tests.builders import rows
from tests.integration.cli_runner import Khata, khata_for

PASSWORD = "correct horse battery"


@pytest.fixture
def khata(database_url: str, tmp_path: Path) -> Khata:
    return khata_for(database_url, tmp_path)


def log_in(conn: Connection, username: str, password: str) -> web_logins.Opened:
    now = datetime.now(UTC)
    return web_logins.log_in_operator(conn, username, password, address="", now=now)


def test_an_operator_is_added_listed_and_logs_in(
    khata: Khata, conn: Connection
) -> None:
    khata.ok("operator", "add", "mirpur", "--role", "operator", "--password", PASSWORD)
    add = ("operator", "add", "clerk", "--role", "manager", "--parent", "mirpur")
    khata.ok(*add, "--may", "view_bills", "--password-file", "-", stdin=f"{PASSWORD}\n")
    listed = khata.ok("operator", "list", "--json").json
    assert [(o["username"], o["parent"], o["permissions"]) for o in listed] == [
        ("clerk", "mirpur", ["view_bills"]),
        ("mirpur", None, []),
    ]
    assert log_in(conn, "clerk", PASSWORD).token
    ((kept,),) = rows(
        conn, "SELECT password_hash FROM operator WHERE username = 'clerk'"
    )
    assert kept.startswith("$argon2id$")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("x", "--role", "manager", "--password", "short"), "10 to 200 characters"),
        (("X Y", "--role", "manager", "--password", PASSWORD), "small letters"),
        (("x", "--role", "sub_operator", "--password", PASSWORD), "below an operator"),
        (
            ("x", "--role", "manager", "--parent", "no", "--password", PASSWORD),
            "There is no operator no",
        ),
        (
            (
                "x",
                "--role",
                "operator",
                "--may",
                "manage_settings",
                "--password",
                PASSWORD,
            ),
            "cannot be given",
        ),
    ],
)
def test_what_cannot_be_is_told_and_leaves_nobody(
    khata: Khata, conn: Connection, arguments: tuple[str, ...], told: str
) -> None:
    answer = khata("operator", "add", *arguments)
    assert answer.code != 0
    assert told in answer.err
    assert rows(conn, "SELECT count(*) FROM operator") == [(0,)]


def test_a_new_password_and_a_disabled_operator(khata: Khata, conn: Connection) -> None:
    khata.ok("operator", "add", "other", "--role", "admin", "--password", PASSWORD)
    khata.ok("operator", "add", "boss", "--role", "admin", "--password", PASSWORD)
    token = log_in(conn, "boss", PASSWORD).token
    khata.ok("operator", "passwd", "boss", "--password", "another password")
    assert web_logins.see_session(conn, token, datetime.now(UTC)) is None
    with pytest.raises(web_logins.WrongLoginError):
        log_in(conn, "boss", PASSWORD)
    assert log_in(conn, "boss", "another password").token
    khata.ok("operator", "disable", "boss")
    with pytest.raises(web_logins.WrongLoginError):
        log_in(conn, "boss", "another password")
    khata.ok("operator", "disable", "boss", "--undo")
    assert log_in(conn, "boss", "another password").token


def test_the_first_admin_is_made_once_and_his_password_is_then_his(
    khata: Khata, conn: Connection
) -> None:
    now = datetime.now(UTC)
    assert ensure_admin(conn, "admin", PASSWORD, now=now)
    khata.ok("operator", "passwd", "admin", "--password", "his own password")
    assert not ensure_admin(conn, "admin", PASSWORD, now=now)
    assert log_in(conn, "admin", "his own password").token
