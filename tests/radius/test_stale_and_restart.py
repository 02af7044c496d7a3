"""Sessions that no Stop ends: silence, reboots, ids that come back."""

import time
from collections.abc import Callable
from decimal import Decimal

from simulators.nas import NasSession, Quirks, SimulatedNas
from tests.radius.isp import PASSWORD, Isp, until

NasOf = Callable[..., SimulatedNas]
REAL = Quirks(event_timestamp="real")


def silent_for_an_hour(isp: Isp, *users: str) -> None:
    """Let the last word of these customers' sessions be an hour ago."""
    isp.folded()
    for user in users:
        isp.conn.execute(
            "UPDATE acct_session SET last_received_at = now() - interval '1 hour'"
            " WHERE customer_id = %s AND ended_at IS NULL",
            [isp.customer_id(user)],
        )


def wait_for_the_next_second(isp: Isp, user: str) -> None:
    """Event-Timestamp counts whole seconds: what follows must be later than the end."""
    ended = isp.session(user)["ended_at"].timestamp()
    assert until(lambda: int(time.time()) > ended)


def test_silence_ends_what_no_stop_ended_and_speaking_again_reopens_it(
    isp: Isp, nas_of: NasOf
) -> None:
    nas = nas_of(isp.stack, quirks=REAL)
    silent, speaks, stops, reported = (isp.customer(balance="10") for _ in range(4))
    never = isp.customer(balance="10")

    def start(user: str) -> NasSession:
        return nas.start_session(nas.login(user, PASSWORD))

    sessions = {user: start(user) for user in (silent, speaks, stops, reported)}
    assert nas.login(never, PASSWORD).accepted
    nas.advance(120)
    silent_for_an_hour(isp, silent, speaks, stops, never)
    # It looks every half minute, and when it starts.
    isp.stack.stop("scheduler")
    isp.stack.start("scheduler")

    def cause(user: str) -> object:
        return isp.session(user)["terminate_cause"]

    assert until(lambda: cause(never) == "Never-Started")
    assert until(lambda: cause(silent) == cause(speaks) == cause(stops) == "Stale")
    # Charged to its last report, and its money is free again.
    for user in (silent, speaks, stops):
        seen = isp.session(user)
        assert seen["session_seconds"] == 120
        assert seen["ended_at"] == seen["last_event_at"]
        assert isp.posted(user) == Decimal("8.00")
        assert isp.reserved(user) == 0
    assert isp.reserved(never) == 0
    assert isp.posted(never) == Decimal("10.00")
    # One that reports was never in question.
    assert cause(reported) is None

    wait_for_the_next_second(isp, speaks)
    nas.advance(60)
    sessions[stops].stop()
    isp.folded()

    assert isp.session(speaks)["state"] == "open"
    assert isp.session(speaks)["terminate_cause"] is None
    assert isp.posted(speaks) == Decimal("7.00")
    assert isp.reserved(speaks) == Decimal("7.00")
    assert (isp.session(stops)["state"], cause(stops)) == ("ended", "User-Request")
    assert isp.posted(stops) == Decimal("7.00")
    assert isp.reserved(stops) == 0
    for session in sessions.values():
        session.stop()
    isp.folded()
    assert isp.errors() == []


def test_an_id_that_comes_back_after_a_reboot_is_another_session(
    isp: Isp, nas_of: NasOf
) -> None:
    """NAS count from the same value after each boot (RFC 2866 §5.5)."""
    for echoes_class in (True, False):
        quirks = Quirks(
            event_timestamp="real",
            echoes_class=echoes_class,
            session_id_in_login=False,
        )
        nas = nas_of(isp.stack, quirks=quirks)
        user = isp.customer(balance="100")
        first = nas.start_session(nas.login(user, PASSWORD), acct_session_id="80000001")
        nas.advance(600)
        first.stop()
        nas.reboot()
        isp.folded()

        second = nas.start_session(
            nas.login(user, PASSWORD), acct_session_id="80000001"
        )
        nas.advance(120)
        second.stop()
        isp.folded()

        # On a busy machine a login may be answered too late, and its session not begin.
        began = [s for s in isp.sessions(user) if s["acct_session_id"] is not None]
        lengths = [s["session_seconds"] for s in began]
        assert lengths == [600, 120], f"echoes_class={echoes_class}"
        assert isp.posted(user) == Decimal("88.00")
        assert isp.reserved(user) == 0


def test_a_late_accounting_on_ends_no_session_that_began_after_it(
    isp: Isp, nas_of: NasOf
) -> None:
    """The restart is told once more, by a retransmission that was long under way."""
    nas = nas_of(isp.stack, quirks=REAL)
    user = isp.customer(balance="10")
    restarted = [
        ("Acct-Status-Type", "Accounting-On"),
        ("NAS-IP-Address", nas.address),
        ("Event-Timestamp", int(time.time()) - 300),
    ]
    session = nas.start_session(nas.login(user, PASSWORD))
    isp.folded()

    for _ in range(3):
        assert nas.send_accounting(restarted).acknowledged
    isp.folded()

    assert isp.session(user)["state"] == "open"
    session.stop()


def test_an_accounting_on_spares_the_accepted_login_that_follows_it(
    isp: Isp, nas_of: NasOf
) -> None:
    """A NAS comes up, says so, and takes its first customer in the same moment."""
    nas = nas_of(isp.stack, quirks=REAL)
    user = isp.customer(balance="10")

    nas.accounting_on()
    session = nas.start_session(nas.login(user, PASSWORD))
    nas.advance(59)
    session.stop()
    isp.folded()

    assert isp.session(user)["terminate_cause"] == "User-Request"
    assert isp.posted(user) == Decimal("9.00")


def test_a_session_that_goes_on_after_accounting_on_is_reopened(
    isp: Isp, nas_of: NasOf
) -> None:
    """Some NAS send Accounting-On when only their RADIUS client restarted."""
    nas = nas_of(isp.stack, quirks=REAL)
    user = isp.customer(balance="10")
    session = nas.start_session(nas.login(user, PASSWORD))
    nas.advance(60)
    isp.folded()
    nas.send_accounting(
        [
            ("Acct-Status-Type", "Accounting-On"),
            ("NAS-IP-Address", nas.address),
            ("Event-Timestamp", int(time.time())),
        ]
    )
    assert until(lambda: isp.session(user)["state"] == "ended")

    wait_for_the_next_second(isp, user)
    nas.advance(60)
    session.stop()
    isp.folded()

    assert isp.session(user)["terminate_cause"] == "User-Request"
    assert isp.session(user)["session_seconds"] == 120
    assert isp.posted(user) == Decimal("8.00")
    assert isp.reserved(user) == 0


def test_a_session_that_began_before_we_knew_of_it_is_charged(
    isp: Isp, nas_of: NasOf
) -> None:
    """A NAS that was moved here with its customers on-line: no login, no Start."""
    nas = nas_of(isp.stack, quirks=Quirks(echoes_class=False))
    user = isp.customer(balance="10")
    login = nas.login(user, PASSWORD)
    isp.conn.execute(
        "UPDATE acct_session SET state = 'ended', ended_at = now(),"
        " terminate_cause = 'Never-Started' WHERE customer_id = %s",
        [isp.customer_id(user)],
    )
    isp.conn.execute(
        "UPDATE reservation SET state = 'released', held = 0, closed_at = now()"
        " WHERE customer_id = %s",
        [isp.customer_id(user)],
    )
    isp.conn.execute(
        "UPDATE wallet SET reserved = 0 WHERE customer_id = %s", [isp.customer_id(user)]
    )
    session = nas.start_session(login, send_start=False, acct_session_id="elsewhere")

    nas.advance(180)
    session.stop()
    isp.folded()

    assert isp.posted(user) == Decimal("7.00")
    assert isp.reserved(user) == 0
    assert isp.errors() == []


def test_a_reboot_frees_the_places_of_its_customers(isp: Isp, nas_of: NasOf) -> None:
    """openwisp-radius#617: logins stay refused when Accounting-On is not heeded."""
    nas = nas_of(isp.stack, quirks=REAL)
    other = nas_of(isp.stack)
    users = [isp.customer(balance="10") for _ in range(5)]
    for user in users:
        nas.start_session(nas.login(user, PASSWORD))
    isp.folded()
    nas.reboot()

    for user in users:
        assert until(lambda user=user: isp.session(user)["ended_at"])  # type: ignore[misc]
        assert other.login(user, PASSWORD).accepted
        assert isp.reserved(user) == Decimal("10.00")
