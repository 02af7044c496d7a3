"""FreeRADIUS by itself, as deploy/khata-radius.service prepares and runs it."""

import base64
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from billing_core import stack
from billing_core.db.connect import Connection
from billing_core.stack import radius
from billing_core.stack.identities import server_identity
from billing_core.stack.layout import REPOSITORY
from billing_core.stack.ports import choose_ports
from billing_core.stack.programs import BASE_ENVIRONMENT
from simulators.nas import SimulatedNas
from tests.builders import KEY, a_customer, a_nas, a_package, rows, username_of
from tests.radius.conftest import SECRET, next_address
from tests.radius.isp import until


@pytest.fixture
def var() -> Iterator[Path]:
    with stack.scratch_var() as place:
        yield place


@pytest.fixture
def ports() -> dict[str, int]:
    return choose_ports({}, {}, "127.0.0.1", usual=False)[0]


def configure(var: Path, database_url: str) -> None:
    """Write the settings as deploy/README.md has them."""
    (var / "secret_key").write_bytes(base64.b64encode(KEY))
    (var / "khata.toml").write_text(
        f'database_url = "{database_url}"\nsecret_key_file = "secret_key"\n'
        f'currency = "BDT"\nzone = "Asia/Dhaka"\nvar = "{var}"\n',
        encoding="utf-8",
    )


def render(var: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "billing_core.cli", "radius", "render", *options],
        env={**os.environ, "KHATA_CONFIG": str(var / "khata.toml")},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def running(command: str) -> Iterator[None]:
    server = server_identity()
    process = subprocess.Popen(
        shlex.split(command),
        env=BASE_ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        user=server.uid if server.is_switch else None,
        group=server.gid if server.is_switch else None,
        extra_groups=server.groups if server.is_switch else None,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def test_a_node_decides_logins_and_records_accounting_over_both_protocols(
    var: Path, ports: dict[str, int], database_url: str, conn: Connection
) -> None:
    configure(var, database_url)
    address = next_address()
    a_nas(conn, address=address, secret=SECRET)
    a_nas(conn, address="::1", secret=SECRET)
    customer_id = a_customer(conn, a_package(conn), balance="10")
    told = render(
        var,
        *("--listen", "127.0.0.1", "--listen-ipv6", "::1", "--threads", "4"),
        *("--auth-port", str(ports["auth"]), "--acct-port", str(ports["acct"])),
    )
    assert (told.returncode, told.stderr) == (0, "")

    with (
        running(told.stdout),
        SimulatedNas(
            address,
            SECRET.encode(),
            auth=("127.0.0.1", ports["auth"]),
            acct=("127.0.0.1", ports["acct"]),
        ) as nas,
    ):
        assert until(lambda: radius.answers("::1", ports["auth"], SECRET))
        login = nas.login(username_of(conn, customer_id), "secret")
        assert login.accepted, login.reply_message
        assert nas.start_session(login).is_live
    assert rows(conn, "SELECT status_type FROM acct_intake") == [("Start",)]


def test_without_its_database_a_node_starts_with_the_nas_it_knew(
    var: Path, database_url: str, conn: Connection
) -> None:
    configure(var, "postgresql://khata@127.0.0.1:1/khata")
    first = render(var)
    assert first.returncode == 0
    assert "no NAS is known yet" in first.stderr

    configure(var, database_url)
    a_nas(conn, address="127.9.9.9", secret=SECRET)
    assert render(var).stderr == ""
    known = (var / "freeradius" / "clients.conf").read_text(encoding="utf-8")
    assert "127.9.9.9" in known

    configure(var, "postgresql://khata@127.0.0.1:1/khata")
    later = render(var)
    assert later.returncode == 0
    assert "nothing was changed" in later.stderr
    assert (var / "freeradius" / "clients.conf").read_text(encoding="utf-8") == known


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--listen", "::"), "no IPv4 address"),
        (("--listen-ipv6", "10.0.0.1"), "no IPv6 address"),
        (("--auth-port", "80"), "--auth-port"),
    ],
)
def test_a_choice_that_cannot_be_is_named(
    var: Path, options: tuple[str, ...], told: str
) -> None:
    refused = render(var, *options)
    assert refused.returncode == 2
    assert told in refused.stderr
