"""From the last taka to the Disconnect at the NAS, and what comes of it."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from billing_core import stack
from simulators.nas import CoaBehaviour, Flavour, NasSession, Quirks, SimulatedNas
from tests.radius.isp import PASSWORD, Isp, disconnected, until

NasOf = Callable[..., SimulatedNas]
RUNS_ON = Quirks(honours_limits=False)


def a_session(
    isp: Isp, nas: SimulatedNas, balance: str = "1"
) -> tuple[str, NasSession]:
    """Start a session that may run a minute a taka, on a NAS that keeps no limit."""
    user = isp.customer(balance=balance)
    login = nas.login(user, PASSWORD)
    assert login.accepted, login.reply_message
    return user, nas.start_session(login, up=1000, down=10_000)


def state_of(isp: Isp, user: str) -> tuple[object, ...]:
    """Return where the newest Disconnect of a customer stands."""
    found = isp.rows(
        "SELECT state, outcome, error_cause, attempts FROM outbox"
        " WHERE customer_id = %s AND kind = 'disconnect'"
        " ORDER BY outbox_id DESC LIMIT 1",
        isp.customer_id(user),
    )
    return found[0] if found else ("not asked", None, None, 0)


@pytest.mark.parametrize("flavour", Flavour)
def test_the_report_that_uses_up_the_money_puts_the_customer_off(
    flavour: Flavour, isp: Isp, nas_of: NasOf
) -> None:
    nas = nas_of(isp.stack, flavour=flavour, quirks=RUNS_ON)
    user, session = a_session(isp, nas, balance="2")

    nas.advance(60)
    isp.folded()
    assert session.is_live
    nas.advance(60)

    assert until(lambda: not session.is_live)
    assert session.terminate_cause == "Admin-Reset"
    nas.flush()
    isp.folded()
    seen = isp.session(user)
    assert (seen["state"], seen["terminate_cause"]) == ("ended", "Admin-Reset")
    assert isp.posted(user) == 0
    assert isp.reserved(user) == 0
    asked = [("disconnect", "BALANCE_EXHAUSTED", "ACK", None)]
    assert until(lambda: isp.requests(user) == asked)
    bills = "SELECT gross, status FROM bill WHERE customer_id = %s"
    assert isp.rows(bills, isp.customer_id(user)) == [(Decimal("2.00"), "paid")]
    # The hotspot's cookie logs him straight in again: enforcement is at login.
    again = nas.login(user, PASSWORD, mac=session.mac)
    assert not again.accepted
    assert isp.rejects(user) == ["BALANCE_EXHAUSTED"]


def test_octets_that_use_up_the_money_put_the_customer_off(
    isp: Isp, nas_of: NasOf
) -> None:
    nas = nas_of(isp.stack, quirks=RUNS_ON)
    package = isp.package(billing="per_session", price_per_mb=Decimal("0.01"))
    user = isp.customer(package, balance="1")
    session = nas.start_session(nas.login(user, PASSWORD))

    session.transfer(up=50_000_000, down=51_000_000)
    session.interim()

    assert until(lambda: not session.is_live)
    assert isp.requests(user)[0][1] == "BALANCE_EXHAUSTED"


@pytest.mark.parametrize("quota", [{"quota_seconds": 60}, {"quota_octets": 1000}])
def test_a_quota_that_is_used_up_puts_the_customer_off(
    quota: dict[str, int], isp: Isp, nas_of: NasOf
) -> None:
    nas = nas_of(isp.stack, quirks=RUNS_ON)
    package = isp.package(
        billing="package", validity_seconds=3600, validity_from="first_use", **quota
    )
    user = isp.customer(package)
    isp.buy(user, package)
    session = nas.start_session(nas.login(user, PASSWORD), up=1000, down=1000)

    nas.advance(60)

    assert until(lambda: not session.is_live)
    assert isp.requests(user)[0][1] == "QUOTA_EXHAUSTED"
    nas.flush()
    isp.folded()
    assert not nas.login(user, PASSWORD).accepted
    assert isp.rejects(user) == ["QUOTA_EXHAUSTED"]


def test_the_moment_between_two_reports_is_foreseen(isp: Isp, nas_of: NasOf) -> None:
    """60.00 a minute by the second: 2.00 last two seconds, the next report is due in
    sixty, and the NAS keeps no limit itself."""
    nas = nas_of(isp.stack, quirks=RUNS_ON)
    package = isp.package(
        billing="per_session", price_per_minute=Decimal(60), increment_seconds=1
    )
    user = isp.customer(package, balance="2")
    login = nas.login(user, PASSWORD)
    assert login.session_timeout_seconds == 2
    session = nas.start_session(login)

    nas.run_realtime(30)

    assert session.terminate_cause == "Admin-Reset"
    assert [d.status for d in session.deliveries[:1]] == ["Start"]
    assert "Interim-Update" not in [d.status for d in session.deliveries]
    nas.flush()
    isp.folded()
    asked = [("disconnect", "BALANCE_EXHAUSTED", "ACK", None)]
    assert until(lambda: isp.requests(user) == asked)
    assert isp.session(user)["state"] == "ended"


@pytest.mark.parametrize("validity_from", ["purchase", "first_use"])
def test_the_end_of_validity_puts_the_customer_off(
    validity_from: str, isp: Isp, nas_of: NasOf
) -> None:
    nas = nas_of(isp.stack, quirks=RUNS_ON)
    package = isp.package(
        billing="package", validity_seconds=3, validity_from=validity_from
    )
    user = isp.customer(package)
    isp.buy(user, package)
    session = nas.start_session(nas.login(user, PASSWORD))

    nas.run_realtime(30)

    assert session.terminate_cause == "Admin-Reset"
    assert isp.requests(user)[0][1] == "PACKAGE_EXPIRED"
    nas.flush()
    isp.folded()
    assert not nas.login(user, PASSWORD).accepted
    assert isp.rejects(user) == ["PACKAGE_EXPIRED"]


def test_dead_nas_delay_nobody_and_their_silence_is_on_record(
    isp: Isp, nas_of: NasOf
) -> None:
    """A third of the NAS is dead, and is asked first."""
    dead = [nas_of(isp.stack, quirks=RUNS_ON) for _ in range(3)]
    living = [nas_of(isp.stack, quirks=RUNS_ON) for _ in range(6)]
    for nas in dead:
        nas.coa_behaviour = CoaBehaviour(answer="silent")
    gone = [a_session(isp, nas) for nas in dead for _ in range(3)]
    served = [a_session(isp, nas) for nas in living for _ in range(2)]
    isp.folded()

    for nas in (*dead, *living):
        nas.advance(60)

    assert until(lambda: not any(session.is_live for _, session in served))
    # When the last of the living was put off, no dead one had been given up yet.
    for user, _ in gone:
        assert isp.requests(user) == [("disconnect", "BALANCE_EXHAUSTED", None, None)]
    for user, _ in served:
        assert until(lambda user=user: state_of(isp, user)[0] == "done")
    assert until(lambda: all(state_of(isp, user)[1] for user, _ in gone))
    for user, session in gone:
        assert state_of(isp, user) == ("pending", "TIMEOUT", None, 1)
        assert session.is_live
        # An answer that never came ends no session.
        assert isp.session(user)["state"] == "open"
    # It comes back to life: asked again, and obeys.
    for nas in dead:
        nas.coa_behaviour = CoaBehaviour()
    isp.conn.execute(
        "UPDATE outbox SET next_attempt_at = now() WHERE state = 'pending'"
    )
    assert until(lambda: not any(session.is_live for _, session in gone))


@pytest.mark.parametrize(
    ("error_cause", "left"),
    [
        (503, ("failed", "NAK", 503, 1)),  # it is gone already
        (403, ("failed", "NAK", 403, 1)),  # an engineer must look
        (402, ("failed", "NAK", 402, 1)),
        (506, ("pending", "NAK", 506, 1)),  # busy: again later
        (None, ("pending", "NAK", None, 1)),  # CoovaChilli tells no cause
    ],
)
def test_a_refusal_is_on_record_with_its_cause(
    error_cause: int | None, left: tuple[object, ...], isp: Isp, nas_of: NasOf
) -> None:
    nas = nas_of(isp.stack, quirks=RUNS_ON)
    nas.coa_behaviour = CoaBehaviour(answer="nak", error_cause=error_cause)
    user, session = a_session(isp, nas)

    nas.advance(60)

    assert until(lambda: state_of(isp, user)[1] is not None)
    assert state_of(isp, user) == left
    assert session.is_live
    assert isp.session(user)["state"] == "open"
    session.stop()


def test_a_nas_that_knows_itself_by_another_address_refuses_with_403(
    isp: Isp, nas_of: NasOf
) -> None:
    """It tells 192.0.2.1 in its packets, and judges by its own: NAK 403."""
    nas = nas_of(isp.stack, quirks=RUNS_ON)
    user = isp.customer(balance="1")
    session = nas.start_session(nas.login(user, PASSWORD), send_start=False)
    session.start([("NAS-IP-Address", "192.0.2.1")])

    session.interim([("NAS-IP-Address", "192.0.2.1"), ("Acct-Session-Time", 60)])

    assert until(lambda: state_of(isp, user)[1] is not None)
    assert state_of(isp, user) == ("failed", "NAK", 403, 1)
    session.stop()


def test_a_nas_that_acknowledges_and_goes_on_is_asked_again(
    isp: Isp, nas_of: NasOf
) -> None:
    nas = nas_of(isp.stack, quirks=RUNS_ON)
    nas.coa_behaviour = CoaBehaviour(ends_session=False)
    user, session = a_session(isp, nas)
    nas.advance(60)
    assert until(lambda: state_of(isp, user)[0] == "done")

    # At once it is not asked again, only when a minute has passed.
    nas.advance(60)
    isp.folded()
    assert disconnected(nas) == [user]
    isp.conn.execute(
        "UPDATE acct_session SET disconnect_requested_at ="
        " disconnect_requested_at - interval '61 seconds' WHERE customer_id = %s",
        [isp.customer_id(user)],
    )
    nas.coa_behaviour = CoaBehaviour()
    nas.advance(60)

    assert until(lambda: not session.is_live)
    assert disconnected(nas) == [user, user]
    # What he used meanwhile is charged: the wallet went below zero, and says so.
    nas.flush()
    isp.folded()
    assert isp.posted(user) == Decimal("-2.00")


def test_a_stop_that_comes_first_makes_the_disconnect_needless(
    isp: Isp, nas_of: NasOf
) -> None:
    """The NAS keeps its own limit: nothing is asked of it."""
    nas = nas_of(isp.stack)
    user, session = a_session(isp, nas)

    nas.advance(61)

    assert session.terminate_cause == "Session-Timeout"
    isp.folded()
    assert isp.session(user)["terminate_cause"] == "Session-Timeout"
    assert isp.posted(user) == 0
    done = ("disconnect", "BALANCE_EXHAUSTED", None, None)
    assert set(isp.requests(user)) <= {done, (*done[:2], "NAK", 503)}


def test_every_session_of_an_empty_wallet_is_put_off(isp: Isp, nas_of: NasOf) -> None:
    """Two devices share one wallet; what one uses the other has not."""
    nases = [nas_of(isp.stack, quirks=RUNS_ON) for _ in range(2)]
    user = isp.customer(isp.package(sessions_allowed=2), balance="4")
    sessions = [nas.start_session(nas.login(user, PASSWORD)) for nas in nases]
    isp.folded()

    for _ in range(3):
        for nas in nases:
            nas.advance(60)
        isp.folded()

    assert until(lambda: not any(session.is_live for session in sessions))
    for nas in nases:
        nas.flush()
    isp.folded()
    assert isp.reserved(user) == 0
    # Overrun: at most one report's worth a session (design §7, invariant 2).
    assert Decimal(-2) <= isp.posted(user) <= 0


def test_the_books_are_sound_after_all_of_this(isp: Isp) -> None:
    isp.folded()

    assert isp.errors() == []


def test_a_nas_without_coa_is_not_asked_and_that_is_on_record(
    isp: Isp, nas_of: NasOf, radius_stack: stack.Stack
) -> None:
    nas = nas_of(radius_stack, quirks=RUNS_ON)
    isp.conn.execute("UPDATE nas SET coa_port = NULL WHERE address = %s", [nas.address])
    user, session = a_session(isp, nas)

    nas.advance(60)

    assert until(lambda: state_of(isp, user)[1] is not None)
    assert state_of(isp, user)[:2] == ("failed", "NO_COA")
    assert nas.coa_received == []
    session.stop()
