"""The database is killed or frozen: logins by the policy, accounting into the spool."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from simulators.nas import LoginOutcome, LoginResult, SimulatedNas
from tests.radius.conftest import running_stack
from tests.radius.isp import PASSWORD, Isp, until

NasOf = Callable[..., SimulatedNas]
MACS = {"asha": "02:00:00:00:04:01", "babu": "02:00:00:00:04:02"}


@pytest.fixture(scope="module", params=["reject", "last_known"])
def policy(request: pytest.FixtureRequest) -> str:
    """What is done about logins while nothing can be decided."""
    return str(request.param)


@pytest.fixture(scope="module")
def provider(policy: str) -> Iterator[Isp]:
    """A provider of either policy; each test gives the database back."""
    with (
        running_stack(known_nas=12, database_away=policy) as running,
        Isp(running) as isp,
    ):
        yield isp


@contextlib.contextmanager
def killed(isp: Isp) -> Iterator[None]:
    isp.stack.kill("postgres")
    try:
        yield
    finally:
        isp.stack.start("postgres")
        isp.reconnect()


@contextlib.contextmanager
def frozen(isp: Isp) -> Iterator[None]:
    """Stop every process of PostgreSQL: it takes connections and never answers."""
    postmaster = isp.stack.pid("postgres")
    assert postmaster is not None
    # It first, so that no process is born meanwhile.
    os.kill(postmaster, signal.SIGSTOP)
    pids = [postmaster, *children_of(postmaster)]
    for pid in pids[1:]:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in reversed(pids):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def children_of(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text(encoding="utf-8").rpartition(")")[2].split()
            if fields[1] == str(pid):
                found.append(int(stat.parent.name))
    return found


def tries(nas: SimulatedNas, user: str, password: str, mac: str) -> LoginResult:
    started = time.monotonic()
    login = nas.login(user, password, method="chap", mac=mac)
    passed = (time.monotonic() - started) * 1000
    print(f"{login.outcome.name} after {passed:.0f} ms: {login.reply_message}")
    return login


@pytest.mark.parametrize("absence", [killed, frozen], ids=["killed", "frozen"])
def test_logins_follow_the_policy_accounting_is_spooled_and_all_comes_back(
    absence: Callable[[Isp], contextlib.AbstractContextManager[None]],
    policy: str,
    provider: Isp,
    nas_of: NasOf,
) -> None:
    isp = provider
    knows = policy == "last_known"
    nas = nas_of(isp.stack)
    blunt = nas_of(isp.stack, is_patient=False)
    package = isp.package(sessions_allowed=3)
    user, stranger = (isp.customer(package, balance="100") for _ in range(2))
    session = nas.start_session(nas.login(user, PASSWORD, mac=MACS["asha"]), up=1000)
    # This device is known at the NAS that asks while the database is away.
    while not (known := blunt.login(user, PASSWORD, mac=MACS["babu"])).accepted:
        time.sleep(0.05)
    nas.advance(60)
    isp.folded()

    with absence(isp):
        for _ in range(3):
            login = tries(blunt, user, PASSWORD, MACS["babu"])
            assert login.outcome is not LoginOutcome.NO_ANSWER
            assert login.accepted is knows
            assert login.has_message_authenticator
            if knows:
                assert login.session_timeout_seconds == known.session_timeout_seconds
                # Its session was never opened: no cookie of an old one.
                assert login.class_value is None
            # A wrong password is a wrong password.
            wrong = tries(blunt, user, "not it", MACS["babu"])
            assert wrong.outcome is LoginOutcome.REJECT
            # Nothing is known of these: another customer, another device.
            for name, mac in ((stranger, MACS["babu"]), (user, "02:00:00:00:04:03")):
                login = tries(blunt, name, PASSWORD, mac)
                assert login.outcome is LoginOutcome.REJECT
        nas.advance(300)
        assert all(delivery.acknowledged for delivery in session.deliveries)
        odd = {"NAS-Port-Id": b"\xff\n'", "Called-Station-Id": "%{User-Name}=41"}
        assert session.interim(list(odd.items())).acknowledged

    # It comes back by itself: nobody restarts anything.
    session.stop()
    sent = len(session.deliveries)
    assert until(lambda: len(isp.events(user)) >= sent)
    isp.folded()

    def seen() -> dict[str, Any]:
        return next(
            s for s in isp.sessions(user) if s["class_value"] != known.class_value
        )

    # Repeats count as events, too: the Stop may still be in the spool.
    assert until(lambda: seen()["state"] == "ended")
    assert seen()["session_seconds"] == session.session_seconds == 360
    assert seen()["input_octets"] == session.input_octets
    assert isp.posted(user) == Decimal("94.00")
    while not (login := blunt.login(stranger, PASSWORD)).accepted:
        assert login.outcome is not LoginOutcome.NO_ANSWER
        time.sleep(0.05)
    # Refusals of the meantime are on record too, by and by.
    undecided = (
        "SELECT count(*) FROM access_reject"
        " WHERE username = %s AND reason = 'COULD_NOT_DECIDE'"
    )
    assert until(lambda: isp.one(undecided, stranger) >= 3)
    assert isp.errors() == []


def test_the_order_of_reports_survives_the_spool(provider: Isp, nas_of: NasOf) -> None:
    """Sessions begin, report and end while the database is away, some of them twice."""
    isp = provider
    nas = nas_of(isp.stack)
    users = [isp.customer(balance="100") for _ in range(5)]
    sessions = [nas.start_session(nas.login(u, PASSWORD), up=10) for u in users]

    with killed(isp):
        for session in sessions[:3]:
            nas.advance(30)
            session.interim()
            session.interim()
        for session in sessions[:2]:
            session.stop()
            session.stop()
        nas.advance(60)
    nas.advance(60)
    for session in sessions[2:]:
        session.stop()

    for user, session in zip(users, sessions, strict=True):
        sent = len(session.deliveries)
        assert until(lambda u=user, n=sent: len(isp.events(u)) >= n)
    isp.folded()
    for user, session in zip(users, sessions, strict=True):
        minutes = -(-session.session_seconds // 60)
        assert isp.session(user)["state"] == "ended"
        assert isp.session(user)["session_seconds"] == session.session_seconds
        assert isp.posted(user) == 100 - minutes
        assert isp.reserved(user) == 0
    assert isp.errors() == []


def test_freeradius_that_starts_without_a_database_spools_and_recovers(
    provider: Isp, nas_of: NasOf
) -> None:
    isp = provider
    nas = nas_of(isp.stack)
    blunt = nas_of(isp.stack, is_patient=False)
    user = isp.customer(balance="100")
    session = nas.start_session(nas.login(user, PASSWORD))

    with killed(isp):
        isp.stack.kill("freeradius")
        isp.stack.start("freeradius")
        nas.advance(60)
        assert session.deliveries[-1].acknowledged
        # Nothing is remembered after a restart: nobody comes in, everybody is told.
        login = tries(blunt, user, PASSWORD, MACS["asha"])
        assert login.outcome is LoginOutcome.REJECT
        assert login.has_message_authenticator
        # And killed once more, with records in the spool.
        isp.stack.kill("freeradius")
        isp.stack.start("freeradius")
        nas.advance(60)
    session.stop()

    assert until(lambda: len(isp.events(user)) >= len(session.deliveries))
    isp.folded()
    assert isp.session(user)["session_seconds"] == session.session_seconds == 120
    assert isp.posted(user) == Decimal("98.00")
    assert isp.errors() == []
