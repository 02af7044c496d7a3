"""FreeRADIUS while the database is away: the spool, and the operator's policy."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from billing_core import stack
from simulators.nas import Flavour, LoginOutcome, LoginResult, Retry, SimulatedNas
from tests.radius.conftest import running_stack
from tests.radius.isp import PASSWORD, Isp, until

NasOf = Callable[..., SimulatedNas]
QUICK = Retry(timeout_seconds=10.0, attempts=3)
POOLS = Path(__file__).parents[2] / "freeradius" / "config" / "mods-enabled" / "sql.j2"
METHODS = ("pap", "chap", "mschapv2", "eap-md5")
MAC = "02:00:00:00:00:01"
RECORDED = (
    "SELECT acct_session_id, event_epoch FROM acct_event JOIN nas USING (nas_id)"
    " WHERE nas.address = %s ORDER BY event_id"
)


@pytest.fixture(scope="module")
def rejecting() -> Iterator[stack.Stack]:
    """A stack with the policy `reject`, which each test leaves healthy."""
    with running_stack(known_nas=40) as running:
        yield running


@pytest.fixture(scope="module")
def remembering() -> Iterator[stack.Stack]:
    """A stack with the policy `last_known`."""
    with running_stack(
        known_nas=40, database_away="last_known", database_away_minutes=5
    ) as running:
        yield running


@contextmanager
def database_killed(isp: Isp) -> Iterator[None]:
    """Kill PostgreSQL, and start it again."""
    isp.conn.close()
    isp.stack.kill("postgres")
    try:
        yield
    finally:
        isp.stack.start("postgres")
        isp.reconnect()


@contextmanager
def database_frozen(isp: Isp) -> Iterator[None]:
    """Let PostgreSQL neither answer nor refuse."""
    postmaster = isp.stack.pid("postgres")
    assert postmaster is not None
    # First of all: it then starts nobody and buries nobody, so that each pid stays.
    os.kill(postmaster, signal.SIGSTOP)
    listed = subprocess.run(
        ["pgrep", "-P", str(postmaster)], capture_output=True, text=True, check=True
    )
    pids = [*map(int, listed.stdout.split()), postmaster]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def wait_until_healed(isp: Isp, nas: SimulatedNas) -> None:
    """Wait until logins are decided again, after what the test before did."""
    user = isp.customer(isp.package(billing="free", sessions_allowed=1000))
    assert until(lambda: nas.login(user, PASSWORD).accepted)


def account(nas: SimulatedNas, name: str, epoch: int = 1_700_000_000) -> None:
    """Send an interim update and see it acknowledged."""
    delivery = nas.send_accounting(
        (
            ("Acct-Status-Type", "Interim-Update"),
            ("User-Name", "anyone"),
            ("Acct-Session-Id", name),
            ("Event-Timestamp", epoch),
        )
    )
    assert delivery.acknowledged


def names(isp: Isp, nas: SimulatedNas) -> list[str]:
    """Return the sessions on record of a NAS, in the order of the records."""
    return [name for name, _ in isp.rows(RECORDED, nas.address)]


def spool(on: stack.Stack) -> Path:
    """Return the folder where records wait."""
    return on.var / "spool"


@pytest.mark.parametrize("away", [database_killed, database_frozen])
def test_what_is_acknowledged_while_the_database_is_away_is_recorded_in_order(
    away: Callable[[Isp], AbstractContextManager[None]],
    rejecting: stack.Stack,
    nas_of: NasOf,
) -> None:
    nas = nas_of(rejecting, retry=QUICK, is_patient=False)
    with Isp(rejecting) as isp:
        account(nas, "before")
        with away(isp):
            for number in range(200):
                account(nas, f"{number:03}", 1_700_000_000 + number)

        def all_there() -> bool:
            found = dict(isp.rows(RECORDED, nas.address))
            return found.keys() >= {f"{n:03}" for n in range(200)}

        assert until(all_there)
        # The first of an outage may come twice: as the NAS repeats it.
        once = list(dict.fromkeys(names(isp, nas)))
        assert once[-150:] == [f"{number:03}" for number in range(50, 200)]
        assert dict(isp.rows(RECORDED, nas.address))["199"] == 1_700_000_199
        assert until(lambda: list(spool(rejecting).iterdir()) == [])


def test_freeradius_killed_in_the_middle_of_a_replay_loses_nothing(
    rejecting: stack.Stack, nas_of: NasOf
) -> None:
    nas = nas_of(rejecting, retry=QUICK, is_patient=False)
    with Isp(rejecting) as isp:
        with database_killed(isp):
            for number in range(3000):
                account(nas, f"{number}")
        count = (
            "SELECT count(DISTINCT acct_session_id) FROM acct_event"
            " JOIN nas USING (nas_id) WHERE nas.address = %s"
        )
        assert until(lambda: isp.one(count, nas.address) > 0)
        rejecting.kill("freeradius")
        assert isp.one(count, nas.address) < 3000
        rejecting.start("freeradius")

        assert until(lambda: isp.one(count, nas.address) == 3000)


def test_a_record_that_the_database_refuses_is_parked_and_stops_nobody(
    rejecting: stack.Stack, nas_of: NasOf
) -> None:
    nas = nas_of(rejecting, retry=QUICK, is_patient=False)
    with Isp(rejecting) as isp:
        with database_killed(isp):
            account(nas, "first")
            written = spool(rejecting)
            assert until(lambda: list(written.glob("accounting*")))
            for file in written.glob("accounting*"):
                owner = file.stat()
                text = file.read_text()
                nas_id = next(line for line in text.splitlines() if "Nas-Id" in line)
                odd = text.replace(nas_id, '\tKhata-Spool-Nas-Id = "no number"')
                file.write_text(odd + text.replace("6669727374", "7365636f6e64"))
                os.chown(file, owner.st_uid, owner.st_gid)

        assert until(lambda: names(isp, nas) == ["second"])
        parked = (spool(rejecting) / "parked").read_text()
        assert parked.count('"no number"') == 1
        (spool(rejecting) / "parked").unlink()


@pytest.mark.parametrize("method", METHODS)
def test_the_policy_reject_lets_nobody_in_and_says_try_again(
    method: str, rejecting: stack.Stack, nas_of: NasOf
) -> None:
    with Isp(rejecting) as isp:
        nas = nas_of(rejecting, is_patient=False)
        wait_until_healed(isp, nas)
        user = isp.customer(isp.package(billing="free", sessions_allowed=9))
        assert nas.login(user, PASSWORD, method=method).accepted
        with database_killed(isp):
            refused = nas.login(user, PASSWORD, method=method)

        assert refused.outcome is LoginOutcome.REJECT
        assert "try again" in refused.reply_message
        assert refused.has_message_authenticator
        assert until(lambda: isp.rejects(user) == ["COULD_NOT_DECIDE"])
        assert until(lambda: nas.login(user, PASSWORD, method=method).accepted)


def test_freeradius_starts_and_records_while_the_database_is_away(
    rejecting: stack.Stack, nas_of: NasOf
) -> None:
    nas = nas_of(rejecting, retry=QUICK, is_patient=False)
    with Isp(rejecting) as isp:
        with database_killed(isp):
            rejecting.stop("freeradius")
            rejecting.start("freeradius")
            account(nas, "early")
            assert nas.login("anyone", "x").outcome is LoginOutcome.REJECT

        assert until(lambda: names(isp, nas) == ["early"])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("away", [database_killed, database_frozen])
def test_the_policy_last_known_lets_in_who_was_in_and_knows_his_password(
    away: Callable[[Isp], AbstractContextManager[None]],
    method: str,
    remembering: stack.Stack,
    nas_of: NasOf,
) -> None:
    with Isp(remembering) as isp:
        nas = nas_of(remembering, is_patient=False)
        wait_until_healed(isp, nas)
        package = isp.package(billing="free", rate_up_bps=1_000_000, rate_down_bps=1)
        user, newcomer = isp.customer(package), isp.customer(package)

        def login(
            username: str, password: str = PASSWORD, mac: str = MAC
        ) -> LoginResult:
            return nas.login(username, password, method=method, mac=mac)

        first = login(user)
        with away(isp):
            again = login(user)
            wrong = login(user, "wrong")
            elsewhere = login(user, mac="02:00:00:00:00:99")
            new = login(newcomer)
            unknown = login("nobody")

        assert first.accepted
        assert again.accepted
        # No session was opened for it: accounting must not count into the old one.
        assert first.class_value is not None
        assert again.class_value is None
        assert numbers_of(again) == numbers_of(first) - {"Class"}
        assert again.rate_limit == first.rate_limit
        for refused in (wrong, elsewhere, new, unknown):
            assert refused.outcome is LoginOutcome.REJECT
        assert "try again" not in wrong.reply_message
        for refused in (elsewhere, new, unknown):
            assert "try again" in refused.reply_message
        reasons = ["BAD_CREDENTIALS", "COULD_NOT_DECIDE"]
        assert until(lambda: isp.rejects(user) == reasons)
        assert until(lambda: login(user).class_value is not None)


def test_the_policy_last_known_keeps_a_device_that_has_no_password(
    remembering: stack.Stack, nas_of: NasOf
) -> None:
    with Isp(remembering) as isp:
        nas = nas_of(remembering, flavour=Flavour.DHCP, is_patient=False)
        facts = {"kind": "static", "password": None, "framed_ip": "10.7.7.7"}
        isp.customer(isp.package(billing="free"), username=MAC, **facts)
        assert until(lambda: nas.login(MAC, "", mac=MAC).framed_ip == "10.7.7.7")

        with database_killed(isp):
            again = nas.login(MAC, "", mac=MAC)
            guess = nas.login(MAC, "", mac=MAC, method="chap")
            elsewhere = nas.login(MAC, "", mac="02:00:00:00:00:99")

        assert again.framed_ip == "10.7.7.7"
        for refused in (guess, elsewhere):
            assert refused.outcome is LoginOutcome.REJECT


def numbers_of(login: LoginResult) -> set[str]:
    """Return the names in a reply, each of which may be there only once."""
    assert all(len(values) == 1 for values in login.attributes.values())
    return set(login.attributes)


def test_a_refusal_is_not_turned_into_an_accept_by_an_outage(
    remembering: stack.Stack, nas_of: NasOf
) -> None:
    with Isp(remembering) as isp:
        nas = nas_of(remembering, is_patient=False)
        user = isp.customer()
        assert nas.login(user, PASSWORD, mac=MAC).outcome is LoginOutcome.REJECT
        with database_killed(isp):
            refused = nas.login(user, PASSWORD, mac=MAC)

        assert refused.outcome is LoginOutcome.REJECT


def test_no_pool_runs_a_statement_when_it_connects() -> None:
    """One that failed there would lock the pool for ever (freeradius/config/README)."""
    text = POOLS.read_text(encoding="utf-8")
    assert "open_query" not in text
    assert "connect_query" not in text
