"""Our CoA client against the simulated NAS: sessions end and change on the wire."""

import asyncio
import time

import pytest

from radius_module.coa import CoaClient, CoaOutcome, CoaRequest, CoaTarget
from simulators.nas import CoaBehaviour, SimulatedNas

from .server import SECRET, RadiusServer

CUSTOMERS = {"alice": "secret", "bob": "secret"}
COA_SECRET = b"coa-secret"


def a_nas(server, address="127.0.0.2"):
    return SimulatedNas(
        address,
        SECRET,
        auth=server.address,
        acct=server.address,
        coa_secret=COA_SECRET,
    )


@pytest.fixture
def server():
    with RadiusServer(CUSTOMERS) as running:
        yield running


@pytest.fixture
def nas(server):
    with a_nas(server) as running:
        yield running


@pytest.fixture
def session(nas):
    return nas.start_session(nas.login("alice", "secret"), up=10, down=100)


def ask(nas, kind, *attributes, secret=COA_SECRET, attempts=1, **target):
    """Send one request to the NAS and return the result."""

    async def send():
        timeout = 0.2 if attempts > 1 else 5.0
        wanted = CoaTarget(nas.address, nas.coa_port, secret, **target)
        async with CoaClient(
            attempts=attempts, first_timeout_seconds=timeout
        ) as client:
            return await client.send(wanted, CoaRequest(kind, attributes))

    return asyncio.run(send())


def silence(nas, kind, *attributes, secret=COA_SECRET, **target):
    """Send one request that is not to be answered and return why it was not."""

    async def send():
        wanted = CoaTarget(nas.address, nas.coa_port, secret, **target)
        async with CoaClient(attempts=1, first_timeout_seconds=0.2) as client:
            return await client.send(wanted, CoaRequest(kind, attributes))

    assert asyncio.run(send()).outcome is CoaOutcome.TIMEOUT
    assert nas.coa_received[-1].answer is None
    return nas.coa_received[-1].ignored_because


def by_id(session):
    return ("Acct-Session-Id", session.acct_session_id)


def test_a_disconnect_ends_the_session_and_its_stop_comes(server, nas, session):
    nas.advance(60)
    result = ask(nas, "disconnect", by_id(session), ("User-Name", "alice"))
    nas.flush()
    assert (result.outcome, result.attempts) == (CoaOutcome.ACK, 1)
    assert not session.is_live
    assert nas.sessions == []
    stop = server.accounting[-1]
    assert stop["Acct-Status-Type"] == ["Stop"]
    assert stop["Acct-Terminate-Cause"] == ["Admin-Reset"]
    assert (stop["Acct-Session-Time"], stop["Acct-Output-Octets"]) == ([60], [6000])
    (received,) = nas.coa_received
    assert (received.kind, received.answer) == ("disconnect", "ACK")
    assert received.attributes["User-Name"] == ("alice",)


@pytest.mark.parametrize(
    ("kind", "attributes", "error_cause"),
    [
        ("disconnect", [("User-Name", "carol")], 503),
        ("disconnect", [("User-Name", "alice"), ("Acct-Session-Id", "ffff")], 503),
        ("disconnect", [("User-Name", "alice"), ("Session-Timeout", 5)], 401),
        ("coa", [("User-Name", "alice"), ("Framed-Pool", "suspended")], 401),
        ("disconnect", [("NAS-IP-Address", "127.0.0.2")], 402),
        ("disconnect", [("User-Name", "alice"), ("NAS-IP-Address", "10.0.0.1")], 403),
        ("disconnect", [("User-Name", "alice"), ("NAS-Identifier", "else")], 403),
    ],
)
def test_what_the_nas_cannot_do_is_refused_with_its_cause(
    nas, session, kind, attributes, error_cause
):
    result = ask(nas, kind, *attributes)
    assert (result.outcome, result.error_cause) == (CoaOutcome.NAK, error_cause)
    assert nas.coa_received[-1].error_cause == error_cause
    assert session.is_live


@pytest.mark.parametrize(
    "name", ["User-Name", "Framed-IP-Address", "Calling-Station-Id", "NAS-Port"]
)
def test_a_session_is_found_by_any_of_its_marks(nas, session, name):
    other = nas.start_session(nas.login("bob", "secret"))
    marks = {
        "User-Name": "alice",
        "Framed-IP-Address": session.framed_ip,
        "Calling-Station-Id": session.mac,
        "NAS-Port": session.line.nas_port,
    }
    assert ask(nas, "disconnect", (name, marks[name])).outcome is CoaOutcome.ACK
    assert not session.is_live
    assert other.is_live


def test_a_disconnect_by_name_ends_all_sessions_of_the_name(server, nas, session):
    second = nas.start_session(nas.login("alice", "secret"))
    assert ask(nas, "disconnect", ("User-Name", "alice")).outcome is CoaOutcome.ACK
    nas.flush()
    assert not session.is_live
    assert not second.is_live
    stops = [p for p in server.accounting if p["Acct-Status-Type"] == ["Stop"]]
    assert len(stops) == 2


def test_a_coa_changes_the_running_session(nas, session):
    result = ask(
        nas,
        "coa",
        by_id(session),
        ("Session-Timeout", 600),
        ("Mikrotik-Rate-Limit", "1M/2M"),
        ("Mikrotik-Address-List", "slow"),
        ("Mikrotik-Total-Limit", 50_000),
    )
    assert result.outcome is CoaOutcome.ACK
    assert session.session_timeout_seconds == 600
    assert session.rate_limit == "1M/2M"
    assert session.address_list == "slow"
    nas.advance(3600)
    assert not session.is_live
    assert session.input_octets + session.output_octets == 50_000


def test_a_time_limit_that_has_already_passed_ends_the_session(server, nas, session):
    nas.advance(100)
    assert ask(nas, "coa", by_id(session), ("Session-Timeout", 60)).outcome == "ACK"
    assert nas.wait_until(lambda: not session.is_live)
    nas.flush()
    assert server.accounting[-1]["Acct-Terminate-Cause"] == ["Session-Timeout"]


def test_a_longer_time_limit_lets_the_session_run_on(nas, session):
    ask(nas, "coa", by_id(session), ("Session-Timeout", 60))
    nas.advance(50)
    ask(nas, "coa", by_id(session), ("Session-Timeout", 120))
    nas.advance(50)
    assert session.is_live
    nas.advance(50)
    assert session.session_seconds == 120


def test_a_nas_told_to_refuse_refuses(nas, session):
    nas.coa_behaviour = CoaBehaviour(answer="nak", error_cause=506)
    result = ask(nas, "disconnect", by_id(session))
    assert (result.outcome, result.error_cause) == (CoaOutcome.NAK, 506)
    assert session.is_live


def test_a_nas_told_to_agree_agrees_to_anything(nas):
    nas.coa_behaviour = CoaBehaviour(answer="ack")
    assert ask(nas, "disconnect", ("User-Name", "carol")).outcome is CoaOutcome.ACK


def test_a_nas_may_agree_and_let_the_session_run(nas, session):
    nas.coa_behaviour = CoaBehaviour(ends_session=False)
    assert ask(nas, "disconnect", by_id(session)).outcome is CoaOutcome.ACK
    assert session.is_live


def test_a_silent_nas_is_a_timeout_and_the_session_runs(nas, session):
    nas.coa_behaviour = CoaBehaviour(answer="silent")
    assert silence(nas, "disconnect", by_id(session)) == "told to be silent"
    assert session.is_live


def test_a_late_answer_is_taken_and_the_repeat_is_not_acted_on_again(nas, session):
    nas.coa_behaviour = CoaBehaviour(delay_seconds=0.3)
    result = ask(nas, "disconnect", by_id(session), attempts=3)
    assert result.outcome is CoaOutcome.ACK
    assert result.attempts >= 2
    first, *repeats = nas.coa_received
    assert (first.answer, first.is_duplicate) == ("ACK", False)
    assert {(each.answer, each.is_duplicate) for each in repeats} == {("ACK", True)}


def test_a_request_made_with_another_secret_is_not_answered(nas, session):
    ignored_because = silence(nas, "disconnect", by_id(session), secret=b"guessed")
    assert ignored_because == "bad Request Authenticator"
    assert session.is_live


def test_a_stale_or_undated_request_is_not_answered(nas, session):
    nas.coa_behaviour = CoaBehaviour(event_timestamp_window_seconds=300)
    stale = ("Event-Timestamp", int(time.time()) - 400)
    assert silence(nas, "disconnect", by_id(session), stale) == (
        "Event-Timestamp outside the window"
    )
    assert silence(nas, "disconnect", by_id(session), event_timestamp=False) == (
        "no Event-Timestamp"
    )
    assert ask(nas, "disconnect", by_id(session)).outcome is CoaOutcome.ACK


def test_a_nas_answers_with_or_without_message_authenticator(nas, session):
    unsigned = ask(nas, "coa", by_id(session), message_authenticator=False)
    signed = ask(nas, "coa", by_id(session))
    assert (unsigned.outcome, signed.outcome) == (CoaOutcome.ACK, CoaOutcome.ACK)


def test_a_disconnect_during_an_advance_stops_the_session_once(server):
    server.accepts.append(("Acct-Interim-Interval", 60))
    with a_nas(server) as nas:
        session = nas.start_session(nas.login("alice", "secret"), up=1)

        async def play():
            loop = asyncio.get_running_loop()
            advancing = loop.run_in_executor(None, nas.advance, 60 * 200)
            target = CoaTarget(nas.address, nas.coa_port, COA_SECRET)
            async with CoaClient() as client:
                result = await client.send(
                    target, CoaRequest("disconnect", (by_id(session),))
                )
            await advancing
            return result

        assert asyncio.run(play()).outcome is CoaOutcome.ACK
        nas.flush()
    stops = [p for p in server.accounting if p["Acct-Status-Type"] == ["Stop"]]
    assert len(stops) == 1


def test_a_thousand_sessions_end_while_a_tenth_of_the_nas_are_dead(server):
    addresses = [f"127.0.2.{number}" for number in range(1, 21)]
    fleet = [a_nas(server, address) for address in addresses]
    for dead in fleet[:2]:
        dead.coa_behaviour = CoaBehaviour(answer="silent")
    sessions = [
        (nas, nas.start_session(nas.login("alice", "secret"), send_start=False))
        for nas in fleet
        for _ in range(50)
    ]

    async def play():
        async with CoaClient(attempts=2, first_timeout_seconds=1.0) as client:
            return await asyncio.gather(
                *(
                    client.send(
                        CoaTarget(nas.address, nas.coa_port, COA_SECRET),
                        CoaRequest("disconnect", (by_id(session),)),
                    )
                    for nas, session in sessions
                )
            )

    results = asyncio.run(play())
    for nas in fleet:
        nas.close()
    outcomes = [result.outcome for result in results]
    assert outcomes == [CoaOutcome.TIMEOUT] * 100 + [CoaOutcome.ACK] * 900
    assert [session.is_live for _, session in sessions] == [True] * 100 + [False] * 900


def test_a_nas_switched_off_listens_no_more_and_its_port_is_free_again(server):
    with a_nas(server) as nas:
        port = nas.coa_port
    again = SimulatedNas("127.0.0.2", SECRET, coa_port=port)
    again.close()
    assert again.coa_port == port
