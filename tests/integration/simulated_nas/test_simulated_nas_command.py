"""The simulated NAS by hand: `python -m simulators.nas`."""

import json

import pytest
from click.testing import CliRunner

from simulators.nas.__main__ import main

from .server import SECRET, RadiusServer

PASSWORD = "secret"


def run(server, command, *arguments, password=PASSWORD):
    host, port = server.address
    return CliRunner().invoke(
        main,
        [
            command,
            f"--server={host}:{port}",
            f"--secret={SECRET.decode()}",
            "--user=alice",
            f"--password={password}",
            *arguments,
        ],
    )


@pytest.fixture
def server():
    accepts = [("Session-Timeout", 120), ("Acct-Interim-Interval", 60)]
    with RadiusServer({"alice": "secret"}, accepts) as running:
        yield running


@pytest.mark.parametrize("method", ["pap", "chap", "mschapv2", "eap-md5"])
def test_an_accepted_login_shows_what_was_granted(server, method):
    result = run(server, "login", f"--method={method}", "--flavour=hotspot")
    assert result.exit_code == 0
    assert "[simulated NAS 127.0.0.2] login of alice: accept" in result.output
    assert "Session-Timeout = 120" in result.output


def test_a_rejected_login_fails_and_shows_why(server):
    result = run(server, "login", password="guess")
    assert result.exit_code == 1
    assert "Reply-Message = No entry." in result.output


def test_a_login_can_be_shown_as_json(server):
    shown = json.loads(run(server, "login", "--json").output)
    assert shown["simulated"] is True
    assert shown["outcome"] == "accept"
    assert shown["limits"]["session_timeout_seconds"] == 120


def test_a_session_runs_to_its_end_and_tells_of_it(server):
    host, port = server.address
    result = run(
        server,
        "run",
        f"--acct={host}:{port}",
        "--coa-port=0",
        "--up=10",
        "--down=20",
        "--speed=1000",
    )
    assert result.exit_code == 0, result.output
    assert "120 s, up 1200, down 2400 octets; Stop acknowledged" in result.output
    assert "session ended: Session-Timeout" in result.output
    statuses = [packet["Acct-Status-Type"][0] for packet in server.accounting]
    assert statuses == ["Start", "Interim-Update", "Stop"]


def test_a_rejected_customer_does_not_run(server):
    result = run(server, "run", "--coa-port=0", password="guess")
    assert result.exit_code == 1
    assert server.accounting == []


def test_a_server_that_is_no_host_and_port_is_refused():
    arguments = ["--secret=x", "--user=a", "--password=b", "--server=nowhere"]
    result = CliRunner().invoke(main, ["login", *arguments])
    assert result.exit_code == 2
    assert "'nowhere' is not host:port" in result.output


def test_an_address_we_do_not_have_is_named(server):
    result = run(server, "login", "--source=192.0.2.1")
    assert result.exit_code == 1
    assert "cannot listen on 192.0.2.1" in result.output
