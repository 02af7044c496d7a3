"""Money that comes while a session runs, or just after it was cut."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billing_core.services.customers import activate, suspend
from simulators.nas import CoaBehaviour, Flavour, Quirks, SimulatedNas
from tests.radius.isp import PASSWORD, Isp, disconnected, until

NasOf = Callable[..., SimulatedNas]


def limits_told(nas: SimulatedNas) -> list[object]:
    """Return the Session-Timeouts that CoA-Requests told a NAS, in order."""
    return [
        value
        for received in nas.coa_received
        if received.kind == "coa" and not received.is_duplicate
        for value in received.attributes.get("Session-Timeout", ())
    ]


@pytest.mark.parametrize("flavour", Flavour)
def test_a_top_up_prolongs_the_running_session_at_the_nas(
    flavour: Flavour, isp: Isp, nas_of: NasOf
) -> None:
    nas = nas_of(isp.stack, flavour=flavour)
    user = isp.customer(balance="3")
    login = nas.login(user, PASSWORD)
    assert login.session_timeout_seconds == 180
    session = nas.start_session(login)
    nas.advance(120)
    isp.folded()

    isp.cash(user, "10")

    # Counted from the session's start, as the NAS counts (not from now).
    assert until(lambda: session.session_timeout_seconds != 180)
    assert session.session_timeout_seconds is not None
    assert 779 <= session.session_timeout_seconds <= 781
    nas.advance(480)
    isp.folded()
    assert session.is_live
    nas.advance(600)
    nas.flush()
    isp.folded()
    assert not session.is_live
    assert isp.posted(user) in (Decimal(0), Decimal(-1))
    asked = ("coa", "LIMITS_CHANGED", "ACK", None)
    assert until(lambda: isp.requests(user)[0] == asked)


def test_each_top_up_is_told_once(isp: Isp, nas_of: NasOf) -> None:
    nas = nas_of(isp.stack)
    user = isp.customer(balance="3")
    nas.start_session(nas.login(user, PASSWORD))
    isp.folded()

    for _ in range(3):
        isp.cash(user, "1")

    # 180 s at login, and a minute more a taka.
    assert until(lambda: len(limits_told(nas)) == 3)
    assert sorted(limits_told(nas), key=str) == [240, 300, 360]


def test_more_of_a_package_prolongs_quota_and_validity_at_the_nas(
    isp: Isp, nas_of: NasOf
) -> None:
    nas = nas_of(isp.stack)
    package = isp.package(
        billing="package",
        price=Decimal(5),
        validity_seconds=600,
        validity_from="purchase",
        quota_octets=3 << 30,
    )
    user = isp.customer(package, balance="10")
    isp.buy(user, package)
    login = nas.login(user, PASSWORD)
    assert login.total_octets_max == 3 << 30
    session = nas.start_session(login)
    isp.folded()

    isp.buy(user, package)

    assert until(lambda: session.limits.total_octets_max != 3 << 30)
    assert session.limits.total_octets_max == 6 << 30
    assert session.session_timeout_seconds is not None
    assert 1190 <= session.session_timeout_seconds <= 1201


def test_the_guest_whose_money_ran_out_comes_back_after_a_top_up(
    isp: Isp, nas_of: NasOf
) -> None:
    nas = nas_of(
        isp.stack, flavour=Flavour.HOTSPOT, quirks=Quirks(honours_limits=False)
    )
    user = isp.customer(balance="1")
    session = nas.start_session(nas.login(user, PASSWORD, method="chap"))
    nas.advance(60)
    assert until(lambda: not session.is_live)
    nas.flush()
    isp.folded()
    assert not nas.login(user, PASSWORD, method="chap", mac=session.mac).accepted

    isp.cash(user, "2")

    login = nas.login(user, PASSWORD, method="chap", mac=session.mac)
    assert login.accepted
    assert login.session_timeout_seconds == 120
    assert isp.rejects(user) == ["BALANCE_EXHAUSTED"]


def test_a_pending_disconnect_is_taken_back(isp: Isp, nas_of: NasOf) -> None:
    """The NAS was silent, and is to be asked again; meanwhile the customer paid."""
    nas = nas_of(isp.stack, quirks=Quirks(honours_limits=False))
    nas.coa_behaviour = CoaBehaviour(answer="silent")
    user = isp.customer(balance="1")
    session = nas.start_session(nas.login(user, PASSWORD))
    nas.advance(60)
    waiting = "SELECT state, outcome FROM outbox WHERE customer_id = %s ORDER BY 1"
    customer_id = isp.customer_id(user)
    assert until(lambda: isp.rows(waiting, customer_id) == [("pending", "TIMEOUT")])
    asked = len(disconnected(nas))

    nas.coa_behaviour = CoaBehaviour()
    isp.cash(user, "10")

    assert isp.rows(waiting, customer_id)[0][0] == "cancelled"
    isp.conn.execute(
        "UPDATE outbox SET next_attempt_at = now()"
        " WHERE customer_id = %s AND state = 'pending'",
        [customer_id],
    )
    # He is told his new limit, and nobody puts him off.
    assert until(lambda: session.session_timeout_seconds not in (None, 60))
    nas.advance(60)
    isp.folded()
    assert len(disconnected(nas)) == asked
    assert session.is_live
    assert isp.session(user)["disconnect_requested_at"] is None
    # And when the new money is used up, he is put off like anybody.
    nas.advance(600)
    assert until(lambda: not session.is_live)


def test_a_top_up_does_not_let_a_suspended_customer_go_on(
    isp: Isp, nas_of: NasOf
) -> None:
    nas = nas_of(isp.stack)
    user = isp.customer(balance="5")
    session = nas.start_session(nas.login(user, PASSWORD))
    isp.folded()
    suspend(isp.conn, user, note="", actor="test", now=datetime.now(UTC))
    isp.cash(user, "5")

    assert until(lambda: not session.is_live)
    assert not nas.login(user, PASSWORD, mac=session.mac).accepted
    activate(isp.conn, user, note="", actor="test", now=datetime.now(UTC))
    assert nas.login(user, PASSWORD, mac=session.mac).accepted


def test_a_daily_customer_who_pays_is_prolonged_by_the_days_he_paid(
    isp: Isp, nas_of: NasOf
) -> None:
    nas = nas_of(isp.stack)
    package = isp.package(
        billing="daily", price=Decimal(300), validity_seconds=30 * 86400
    )
    user = isp.customer(package, balance="10")
    login = nas.login(user, PASSWORD)
    told = login.session_timeout_seconds
    assert told is not None
    session = nas.start_session(login)
    isp.folded()

    isp.cash(user, "20")

    assert until(lambda: session.session_timeout_seconds != told)
    assert session.session_timeout_seconds is not None
    assert abs(session.session_timeout_seconds - told - 2 * 86400) <= 60


def test_the_books_are_sound_after_all_of_this(isp: Isp) -> None:
    isp.folded()

    assert isp.errors() == []
