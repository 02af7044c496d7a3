"""A login from the pairs FreeRADIUS gives to the answer it takes, on PostgreSQL."""

import importlib
import os
import sys
import tomllib
import types
from base64 import b64encode
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from billing_core.db.connect import Connection
from billing_core.services.customers import suspend
from billing_core.services.nas import set_disabled
from billing_core.services.purchases import buy_package
from radius_module.line import Line
from radius_module.session_opening import OPENING
from tests.builders import (
    KEY,
    NOON,
    a_customer,
    a_nas,
    a_package,
    rows,
    sessions_of,
    username_of,
)

DAY = 86_400
MAC = "02:00:5E:10:00:01"
CODES = (
    *("REJECT", "FAIL", "OK", "HANDLED", "INVALID", "USERLOCK"),
    *("NOTFOUND", "NOOP", "UPDATED"),
)
LOG: list[str] = []


class Login:
    """The module as FreeRADIUS loads it, with FreeRADIUS's own module stood in for."""

    def __init__(self, module: Any, conn: Connection) -> None:
        self.module = module
        self.conn = conn
        self.nas_id = a_nas(conn)

    def __call__(self, customer_id: int, mac: str = MAC, **extra: str) -> "Answer":
        pairs = {
            "User-Name": username_of(self.conn, customer_id),
            "Calling-Station-Id": mac,
            "Khata-Nas-Id": str(self.nas_id),
        }
        return self.answer(tuple((pairs | extra).items()))

    def answer(self, pairs: tuple[tuple[str, str], ...] | None) -> "Answer":
        # On a busy machine the first connection may take longer than a login waits.
        while (answer := Answer(self.module.authorize(pairs))).code == "FAIL":
            sleep(0.05)
        return answer

    def open(self, answer: "Answer", mac: str = MAC) -> str:
        """Do what FreeRADIUS does in post-auth."""
        ((result,),) = rows(
            self.conn,
            "SELECT open_session(%s, %s, 'hotspot1', 'ether1', '81000001')",
            answer.control["Khata-Grant"],
            mac,
        )
        return str(result)


class Answer:
    """What the module answered, checked for the exact types that rlm_python3 takes."""

    def __init__(self, answer: Any) -> None:
        if type(answer) is int:
            answer = (answer, (), ())
        assert type(answer) is tuple
        code, reply, control = answer
        assert type(code) is int
        for pairs in (reply, control):
            assert type(pairs) is tuple
            for pair in pairs:
                assert type(pair) is tuple
                assert [type(part) for part in pair] == [str, str, str]
                assert pair[1] == ":="
        self.code = CODES[code]
        self.reply = {name: value for name, _, value in reply}
        self.control = {name: value for name, _, value in control}


@pytest.fixture
def login(
    conn: Connection,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Any:
    """Load the module on this test's database."""
    radiusd = types.ModuleType("radiusd")
    for number, name in enumerate(CODES):
        setattr(radiusd, f"RLM_MODULE_{name}", number)
    vars(radiusd).update(
        L_ERR=4, L_WARN=5, L_INFO=3, config={}, radlog=lambda _, text: LOG.append(text)
    )
    monkeypatch.setitem(sys.modules, "radiusd", radiusd)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delenv("KHATA_CONFIG", raising=False)
    monkeypatch.setenv("KHATA_DATABASE_URL", database_url)
    monkeypatch.setenv("KHATA_SECRET_KEY", b64encode(KEY).decode())
    monkeypatch.setenv("KHATA_CURRENCY", "BDT")
    monkeypatch.setenv("KHATA_ZONE", "Asia/Dhaka")
    # Or a checkout in which nobody ever said `khata up` has none.
    monkeypatch.setenv("KHATA_VAR", str(tmp_path))
    sys.modules.pop("radius_module.module", None)
    module = importlib.import_module("radius_module.module")
    LOG.clear()
    assert module.instantiate(None) == 0
    yield Login(module, conn)
    module.detach(None)
    del sys.modules["radius_module.module"]


def test_the_distribution_s_libraries_come_last(
    login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FreeRADIUS appends our folders after them."""
    theirs = ["/usr/lib/python3.11", "/usr/lib/python3/dist-packages"]
    monkeypatch.setattr(sys, "path", [*theirs, "/venv/site-packages"])
    importlib.reload(login.module)
    login.module.instantiate(None)
    assert sys.path == [theirs[0], "/venv/site-packages", theirs[1]]


def test_a_free_customer_is_granted_a_session(login: Login, conn: Connection) -> None:
    customer = a_customer(conn, a_package(conn, billing="free"))

    answer = login(customer)

    assert answer.code == "OK"
    assert answer.control["Cleartext-Password"] == "secret"
    assert answer.control["Khata-Customer-Id"] == str(customer)
    assert answer.reply["Acct-Interim-Interval"] == "300"
    assert login.open(answer) == "OK"
    (session,) = sessions_of(conn, customer)
    cookie = bytes.fromhex(answer.reply["Class"].removeprefix("0x")).decode()
    assert session["class_value"] == cookie
    assert session["nas_id"] == login.nas_id


def test_a_daily_customer_is_charged_today_and_once(
    login: Login, conn: Connection
) -> None:
    package = a_package(
        conn, billing="daily", price=Decimal(300), validity_seconds=30 * DAY
    )
    customer = a_customer(conn, package, balance="25")

    first = login(customer)
    assert login.open(first) == "OK"
    again = login(customer)
    assert login.open(again) == "OK"

    ((charged,),) = rows(
        conn, "SELECT sum(amount) FROM service_day WHERE customer_id = %s", customer
    )
    assert charged == Decimal("10.00")
    assert again.control["Khata-Grant"].endswith(" - - 0 0 0 - running")
    assert [s["state"] for s in sessions_of(conn, customer)] == ["ended", "opening"]


def test_a_per_session_customer_has_his_money_held(
    login: Login, conn: Connection
) -> None:
    customer = a_customer(conn, a_package(conn), balance="7.50")

    answer = login(customer)

    assert answer.reply["Session-Timeout"] == "420"
    assert login.open(answer) == "OK"
    assert rows(conn, "SELECT held FROM reservation WHERE customer_id = %s", customer)
    second = login(customer, mac="02:00:5E:10:00:02")
    assert second.control["Khata-Reject-Reason"] == "TOO_MANY_SESSIONS"
    replaced = login(customer)
    assert replaced.reply["Session-Timeout"] == "420"


def test_two_devices_share_what_was_bought(login: Login, conn: Connection) -> None:
    package = a_package(
        conn,
        billing="package",
        price=Decimal(20),
        validity_seconds=DAY,
        validity_from="first_use",
        quota_seconds=7200,
        quota_octets=10**10,
        sessions_allowed=2,
    )
    customer = a_customer(conn, package, balance="20")
    assert login(customer).control["Khata-Reject-Reason"] == "NO_SUBSCRIPTION"
    buy_package(
        conn, username_of(conn, customer), package, key="b", actor="test", now=NOON
    )

    one = login(customer)
    assert one.reply["Session-Timeout"] == "3600"
    assert one.reply["Mikrotik-Total-Limit-Gigawords"] == "1"
    assert login.open(one) == "OK"
    ((state, valid_until),) = rows(
        conn,
        "SELECT state, valid_until FROM subscription"
        " WHERE customer_id = %s AND package_id = (SELECT package_id FROM package"
        " WHERE name = %s)",
        customer,
        package,
    )
    assert (state, valid_until is None) == ("active", False)
    two = login(customer, mac="02:00:5E:10:00:02")
    assert two.reply["Session-Timeout"] == "3600"
    assert login.open(two, mac="02:00:5E:10:00:02") == "OK"


def test_a_stranger_is_not_found(login: Login, conn: Connection) -> None:
    answer = login.answer((("User-Name", "nobody"), ("Khata-Nas-Id", "1")))
    assert answer.code == "NOTFOUND"
    assert answer.control["Khata-Reject-Reason"] == "UNKNOWN_CUSTOMER"
    assert not answer.reply


@pytest.mark.parametrize(
    "pairs", [None, (), (("User-Name", "a"),), (("User-Name", "a"),) * 2]
)
def test_a_malformed_request_is_refused(login: Login, pairs: Any) -> None:
    assert login.answer(pairs).control["Khata-Reject-Reason"] == "MALFORMED"


def test_the_reason_of_a_refusal_comes_with_the_password_to_check_first(
    login: Login, conn: Connection
) -> None:
    customer = a_customer(conn, a_package(conn, billing="free"))
    suspend(conn, username_of(conn, customer), note="test", actor="test", now=NOON)

    answer = login(customer)

    assert answer.code == "OK"
    assert answer.control["Cleartext-Password"] == "secret"
    assert answer.control["Khata-Reject-Reason"] == "SUSPENDED"
    assert "Khata-Grant" not in answer.control
    assert not answer.reply


def test_a_nas_that_is_gone_lets_nobody_in(login: Login, conn: Connection) -> None:
    customer = a_customer(conn, a_package(conn, billing="free"))
    answer = login(customer, **{"Khata-Nas-Id": "999999"})
    assert answer.control["Khata-Reject-Reason"] == "UNKNOWN_NAS"


def test_a_disabled_nas_lets_nobody_in_until_it_is_enabled(
    login: Login, conn: Connection
) -> None:
    customer = a_customer(conn, a_package(conn, billing="free"))
    set_disabled(conn, login.nas_id, is_disabled=True, actor="t", now=NOON)
    assert login(customer).control["Khata-Reject-Reason"] == "UNKNOWN_NAS"

    set_disabled(conn, login.nas_id, is_disabled=False, actor="t", now=NOON)

    # The test's own time limit ends this.
    while "Khata-Reject-Reason" in login(customer).control:
        sleep(0.05)


def test_a_changed_package_counts_a_second_later_for_who_logs_in(
    login: Login, conn: Connection
) -> None:
    package = a_package(conn, billing="free", rate_up_bps=1_000_000)
    customer = a_customer(conn, package)
    assert login(customer).reply["Mikrotik-Rate-Limit"] == "1M/0"

    conn.execute(
        "UPDATE package SET rate_up_bps = 2000000, rate_down_bps = 4000000"
        " WHERE name = %s",
        [package],
    )

    # The test's own time limit ends this.
    while login(customer).reply["Mikrotik-Rate-Limit"] != "2M/4M":
        sleep(0.05)


def test_a_new_nas_is_known_a_second_after_it_was_asked_for(
    login: Login, conn: Connection
) -> None:
    customer = a_customer(conn, a_package(conn, billing="free"))
    coming = {"Khata-Nas-Id": "4711"}
    assert login(customer, **coming).control["Khata-Reject-Reason"] == "UNKNOWN_NAS"
    conn.execute("UPDATE nas SET nas_id = 4711 WHERE nas_id = %s", [login.nas_id])
    while "Khata-Reject-Reason" in login(customer, **coming).control:
        sleep(0.05)


def test_a_value_that_cannot_be_told_is_no_decision(
    login: Login, conn: Connection
) -> None:
    customer = a_customer(conn, a_package(conn, billing="free"))
    # The database refuses it, too: two locks.
    conn.execute("ALTER TABLE customer DROP CONSTRAINT customer_framed_ip_is_a_host")
    conn.execute(
        "UPDATE customer SET framed_ip = '2001:db8::1' WHERE customer_id = %s",
        [customer],
    )
    with pytest.raises(ValueError, match="Framed-IP-Address"):
        login(customer)
    # The next one does not suffer from it.
    other = a_customer(conn, a_package(conn, billing="free"))
    assert login(other).code == "OK"


@pytest.mark.parametrize("version", ["3.2.9", "3.2.10"])
def test_a_freeradius_that_loses_values_does_not_start(
    login: Login, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login.module, "_server_version", lambda: version)
    assert login.module.instantiate(None) < 0
    assert version in LOG[-1]


def test_starting_does_not_wait_for_the_database(
    login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`freeradius -C` runs instantiate, too (3.2.1)."""
    monkeypatch.setenv("KHATA_DATABASE_URL", "postgresql://khata@127.0.0.1:1/khata")
    assert login.module.instantiate(None) == 0


def test_without_a_database_there_is_no_decision_and_one_line_in_the_log(
    login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KHATA_DATABASE_URL", "postgresql://khata@127.0.0.1:1/khata")
    login.module.instantiate(None)
    LOG.clear()
    pairs = (("User-Name", "a"), ("Khata-Nas-Id", "1"))
    answers = [Answer(login.module.authorize(pairs)) for _ in range(20)]
    assert {answer.code for answer in answers} == {"FAIL"}
    (line,) = LOG
    assert "\n" not in line


def test_the_settings_file_is_the_one_that_freeradius_names(
    login: Login, tmp_path: Any, database_url: str
) -> None:
    config = tmp_path / "khata.toml"
    config.write_text(f'zone = "UTC"\nvar = "{tmp_path}"\n')
    assert tomllib.loads(config.read_text())["zone"] == "UTC"
    sys.modules["radiusd"].config = {"settings_file": str(config)}  # type: ignore[attr-defined] # the stand-in
    os.environ.pop("KHATA_ZONE")
    assert login.module.instantiate(None) == 0
    assert login.module._Server.settings.zone.key == "UTC"


def test_where_logins_call_one_after_another_freeradius_opens_their_sessions(
    login: Login,
) -> None:
    """Outside of FreeRADIUS nothing can be lifted: it says so and why."""
    assert "one after another" in LOG[0]
    assert Answer(login.module.post_auth(())).code == "NOOP"


@pytest.fixture
def opening(login: Login, database_url: str) -> Iterator[Line]:
    """What opens sessions where logins call side by side."""
    line = login.module._Server.opening = Line(database_url, OPENING)
    line.begin()
    yield line
    line.close()


def test_a_granted_session_is_opened_and_a_second_one_left_to_be_looked_at(
    login: Login, conn: Connection, opening: Line
) -> None:
    customer = a_customer(conn, a_package(conn, billing="free"))
    for code, mac in (("OK", MAC), ("NOOP", "02:00:5E:10:00:02")):
        grant = login(customer).control["Khata-Grant"]
        pairs = (("Khata-Grant", grant), ("Calling-Station-Id", mac))
        assert Answer(login.module.post_auth(pairs)).code == code
    assert rows(conn, "SELECT calling_station_id FROM acct_session") == [(MAC,)]


def test_a_database_that_is_away_opens_nothing_and_is_logged(
    login: Login, conn: Connection, opening: Line
) -> None:
    customer = a_customer(conn, a_package(conn, billing="free"))
    grant = login(customer).control["Khata-Grant"]
    LOG.clear()
    opening.close()
    opening._database_url = "postgresql://khata@127.0.0.1:1/khata"
    assert Answer(login.module.post_auth((("Khata-Grant", grant),))).code == "NOOP"
    assert "could not be asked" in LOG[0]
