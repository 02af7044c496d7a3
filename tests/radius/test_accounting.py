"""Accounting in all weathers and with any content: recorded, answered, charged once."""

import itertools
from collections.abc import Callable, Sequence
from decimal import Decimal

import pytest

from simulators.nas import (
    AcctDelivery,
    NasSession,
    Quirks,
    Retry,
    SimulatedNas,
    Weather,
)
from tests.radius.isp import PASSWORD, Isp, until

NasOf = Callable[..., SimulatedNas]
_ids = itertools.count(1)
TEXTS = (
    "User-Name",
    "Acct-Session-Id",
    "NAS-Identifier",
    "NAS-Port-Id",
    "Calling-Station-Id",
    "Called-Station-Id",
    "Class",
    "Connect-Info",
)
CONTENTS = {
    "not UTF-8": b"\xff\xfe\x80",
    "half a letter": b"\xe0\xa6",
    "NUL": b"a\0b",
    "only NUL": b"\0",
    "line break": b"a\nb\r\n",
    "tab": b"\ta\t",
    "ends in a line break": b"abc\n",
    "longest": b"x" * 253,
    "longest, not UTF-8": b"\xff" * 253,
    "longest, all to escape": b"'" * 253,
    "longest letters": "খ".encode() * 84,
    "expansion": b"%{User-Name} %{sql:SELECT 1} %n %%",
    "injection": b"'; DROP TABLE acct_intake; --",
    "backslashes": b"\\' \\\\ \\x41 \\u0041 \\101",
    "escapes": b"=41=5",
    "quotes": b"\"'`$(id)",
    "emoji": "😀".encode(),
    "surrogate": b"\xed\xa0\x80",
    "DEL and C1": b"\x7f\xc2\x85",
}


def a_packet(**attributes: str | int | bytes) -> list[tuple[str, str | int | bytes]]:
    facts: dict[str, str | int | bytes] = {
        "Acct-Status-Type": "Interim-Update",
        "Acct-Session-Id": f"odd{next(_ids):06d}",
        "NAS-IP-Address": "127.0.0.1",
        "Acct-Session-Time": 60,
        "Acct-Input-Octets": 1,
        "Acct-Output-Octets": 2,
    }
    named = {name.replace("_", "-"): value for name, value in attributes.items()}
    return list((facts | named).items())


def recorded(isp: Isp, nas: SimulatedNas) -> int:
    """Count the packets of a NAS on record, folded or not; none may be parked."""
    count = isp.one(
        "SELECT (SELECT count(*) FROM acct_event JOIN nas USING (nas_id)"
        "         WHERE address = %(nas)s)"
        " + (SELECT count(*) FROM acct_intake JOIN nas USING (nas_id)"
        "     WHERE address = %(nas)s)".replace("%(nas)s", f"'{nas.address}'")
    )
    return int(count)


@pytest.mark.parametrize("name", TEXTS)
def test_whatever_is_in_a_text_attribute_is_recorded_and_acknowledged(
    name: str, isp: Isp, nas_of: NasOf
) -> None:
    nas = nas_of(isp.stack)
    # Some of these packets are sessions of their own to whoever reads them.
    user = isp.customer(isp.package(billing="free", sessions_allowed=99))
    parked = isp.one("SELECT count(*) FROM acct_parked")

    for what, content in CONTENTS.items():
        packet = dict(a_packet(User_Name=user)) | {name: content}
        delivery = nas.send_accounting(list(packet.items()))
        assert delivery.acknowledged, what
        assert delivery.attempts == 1, what

    assert until(lambda: recorded(isp, nas) == len(CONTENTS))
    isp.folded()
    assert isp.one("SELECT count(*) FROM acct_parked") == parked
    # And the server is well: an ordinary packet goes its ordinary way.
    session = nas.start_session(nas.login(user, PASSWORD))
    session.stop()
    isp.folded()
    assert isp.events(user)[-2:] == ["Start", "Stop"]


def test_text_is_kept_as_it_came_and_nothing_is_expanded(
    isp: Isp, nas_of: NasOf
) -> None:
    nas = nas_of(isp.stack)
    user = isp.customer(isp.package(billing="free"))
    odd = "%{User-Name} '; DROP TABLE acct_intake; -- \\x41 =41 খাতা"
    written = [
        ("NAS-Port-Id", odd),
        ("Called-Station-Id", odd),
        ("Calling-Station-Id", odd),
    ]

    login = nas.login(user, PASSWORD, extra=written)
    session = nas.start_session(login, send_start=False)
    session.start(written)
    session.stop(extra=written)
    isp.folded()

    seen = isp.session(user)
    assert seen["nas_port_id"] == odd
    assert seen["called_station_id"] == odd
    assert seen["calling_station_id"] == odd


def test_a_username_with_nul_is_not_accounted_to_the_customer_before_it(
    isp: Isp, nas_of: NasOf
) -> None:
    nas = nas_of(isp.stack)
    user = isp.customer(balance="10")

    delivery = nas.send_accounting(
        a_packet(User_Name=user.encode() + b"\0x", Acct_Status_Type="Stop")
    )

    assert delivery.acknowledged
    assert until(lambda: recorded(isp, nas) == 1)
    isp.folded()
    assert isp.sessions(user) == []
    assert isp.posted(user) == Decimal("10.00")


def test_numbers_at_their_ends_are_recorded(isp: Isp, nas_of: NasOf) -> None:
    nas = nas_of(isp.stack)
    user = isp.customer(isp.package(billing="free"))
    largest = 2**32 - 1
    packets = [
        a_packet(User_Name=user, Acct_Session_Time=largest),
        a_packet(User_Name=user, Acct_Input_Octets=largest),
        a_packet(User_Name=user, Acct_Delay_Time=largest),
        a_packet(User_Name=user, Event_Timestamp=0),
        a_packet(User_Name=user, Event_Timestamp=largest),
        a_packet(User_Name=user, Event_Timestamp=2**31),
        a_packet(User_Name=user, Acct_Status_Type=(77).to_bytes(4)),
        a_packet(User_Name=user, Acct_Terminate_Cause=(999).to_bytes(4)),
        a_packet(User_Name=user, Acct_Input_Gigawords=0xFFFF),
        a_packet(User_Name=user, Framed_IP_Address="255.255.255.254"),
        a_packet(User_Name=user, NAS_IP_Address="0.0.0.0"),
    ]

    assert all(nas.send_accounting(packet).acknowledged for packet in packets)

    assert until(lambda: recorded(isp, nas) == len(packets))
    isp.folded()
    assert recorded(isp, nas) == len(packets)


@pytest.mark.parametrize("billing", ["per_session", "package"])
def test_an_absurd_counter_harms_nobody_else(
    billing: str, isp: Isp, nas_of: NasOf
) -> None:
    """2^64 octets are in no column, -1 is no session time: the rest of it counts."""
    nas = nas_of(isp.stack)
    if billing == "package":
        package = isp.package(
            billing="package",
            validity_seconds=60,
            validity_from="purchase",
            quota_octets=10**9,
        )
        victim = isp.customer(package)
        isp.buy(victim, package)
    else:
        victim = isp.customer(
            isp.package(billing="per_session", price_per_mb=Decimal(1)), balance="1"
        )
    other = isp.customer(balance="10")
    paid = isp.posted(victim)
    session = nas.start_session(nas.login(other, PASSWORD))

    absurd = a_packet(
        User_Name=victim,
        Acct_Input_Gigawords=2**32 - 1,
        Acct_Output_Gigawords=2**32 - 1,
        Acct_Session_Time=2**32 - 1,
    )
    assert nas.send_accounting(absurd).acknowledged
    nas.advance(60)
    session.stop()
    isp.folded()

    assert isp.posted(other) == Decimal("9.00")
    assert isp.session(other)["state"] == "ended"
    assert isp.events(victim) == ["Interim-Update"]
    seen = isp.session(victim)
    assert seen["state"] == "open"
    assert seen["session_seconds"] == seen["input_octets"] == 0
    assert isp.posted(victim) == paid


def test_a_packet_without_almost_everything_is_recorded(
    isp: Isp, nas_of: NasOf
) -> None:
    nas = nas_of(isp.stack)

    assert nas.send_accounting([("Acct-Status-Type", "Start")]).acknowledged
    assert nas.send_accounting([("Acct-Status-Type", "Stop")]).acknowledged
    assert nas.send_accounting([("User-Name", "nobody")]).acknowledged

    assert until(lambda: recorded(isp, nas) == 3)
    isp.folded()


def play(isp: Isp, nas: SimulatedNas, user: str) -> NasSession:
    """Run one session of 20 minutes with traffic that comes and goes."""
    session = nas.start_session(nas.login(user, PASSWORD), up=10_000, down=3_000_000)
    for minute in range(20):
        session.set_traffic(up=minute * 1000, down=(minute % 7) * 5_000_000)
        nas.advance(60)
    session.stop()
    nas.flush()
    isp.folded()
    return session


WEATHERS = {
    "clean": Weather(),
    "requests lost": Weather(transmission_loss=0.4, seed=2),
    "answers lost": Weather(response_loss=0.4, seed=3),
    "duplicated": Weather(duplication=0.5, seed=4),
    "reordered": Weather(reordering=0.4, seed=5),
    "all of it": Weather(
        transmission_loss=0.2,
        response_loss=0.2,
        duplication=0.3,
        reordering=0.3,
        seed=6,
    ),
}


@pytest.mark.parametrize("fresh_id", [True, False])
@pytest.mark.parametrize("sends_gigawords", [True, False])
@pytest.mark.parametrize("weather", WEATHERS.values(), ids=WEATHERS)
def test_charges_do_not_depend_on_the_weather(
    weather: Weather, sends_gigawords: bool, fresh_id: bool, isp: Isp, nas_of: NasOf
) -> None:
    """A repeat has a new Identifier and Acct-Delay-Time (RFC 2866 §3), or neither."""
    nas = nas_of(
        isp.stack,
        weather=weather,
        retry=Retry(fresh_id=fresh_id),
        quirks=Quirks(sends_gigawords=sends_gigawords),
    )
    package = isp.package(
        billing="per_session",
        price_per_minute=Decimal("0.35"),
        price_per_mb=Decimal("0.003"),
        increment_seconds=60,
        increment_octets=1_000_000,
        setup_fee=Decimal("1.10"),
        vat_percent=Decimal(5),
    )
    user = isp.customer(package, balance="1000")

    session = play(isp, nas, user)

    seen = isp.session(user)
    assert seen["state"] == "ended"
    assert seen["session_seconds"] == session.session_seconds == 1200
    assert seen["input_octets"] == session.input_octets
    assert seen["output_octets"] == session.output_octets
    megabytes = -(-(session.input_octets + session.output_octets) // 1_000_000)
    worth = Decimal("1.10") + 20 * Decimal("0.35") + megabytes * Decimal("0.003")
    worth = worth.quantize(Decimal("0.01"), "ROUND_HALF_UP")
    assert isp.posted(user) == Decimal(1000) - worth
    assert isp.reserved(user) == 0
    bills = "SELECT sum(gross), min(status) FROM bill WHERE customer_id = %s"
    assert isp.rows(bills, isp.customer_id(user)) == [(worth, "paid")]


def test_lost_reports_cost_nobody_anything_that_the_others_tell(
    isp: Isp, nas_of: NasOf
) -> None:
    nas = nas_of(isp.stack, weather=Weather(event_loss=0.4, seed=7))
    user = isp.customer(balance="1000")

    session = play(isp, nas, user)

    arrived = [d for d in session.deliveries if d.acknowledged]
    assert len(arrived) < len(session.deliveries)
    assert len(isp.sessions(user)) == 1
    if arrived[-1].status == "Stop":
        assert isp.posted(user) == Decimal(980)
    else:
        assert isp.posted(user) >= Decimal(980)


def test_ipv6_addresses_are_kept(isp: Isp, nas_of: NasOf) -> None:
    nas = nas_of(isp.stack, quirks=Quirks(ipv6=True))
    user = isp.customer(isp.package(billing="free"))

    session = nas.start_session(nas.login(user, PASSWORD))
    session.stop()
    isp.folded()

    number = session.line.nas_port
    kept = isp.session(user)["framed_ipv6"]
    assert f"2001:db8:0:{number:x}::/64" in kept
    assert f"2001:db8:{0x8000 | number:x}::/48" in kept


@pytest.mark.parametrize("word", ["Accounting-On", "Accounting-Off"])
def test_a_restart_ends_the_sessions_of_that_nas_alone(
    word: str, isp: Isp, nas_of: NasOf
) -> None:
    # A clock that leaps minutes ahead of ours would put the restart before the reports.
    quirks = Quirks(event_timestamp="real")
    restarted = nas_of(isp.stack, quirks=quirks)
    other = nas_of(isp.stack, quirks=quirks)
    user, neighbour = isp.customer(balance="10"), isp.customer(balance="10")
    restarted.start_session(restarted.login(user, PASSWORD))
    staying = other.start_session(other.login(neighbour, PASSWORD))
    restarted.advance(120)
    other.advance(120)
    isp.folded()

    answer: AcctDelivery
    if word == "Accounting-On":
        answer = restarted.reboot()
    else:
        answer = restarted.accounting_off()

    assert answer.acknowledged
    assert until(lambda: isp.session(user)["state"] == "ended")
    assert isp.session(user)["terminate_cause"] == "NAS-Restarted"
    assert isp.posted(user) == Decimal("8.00")
    assert isp.reserved(user) == 0
    assert isp.session(neighbour)["state"] == "open"
    staying.stop()
    # Room again for the customer whose Stop will never come.
    assert restarted.login(user, PASSWORD).accepted


def test_other_class_attributes_beside_ours_do_no_harm(isp: Isp, nas_of: NasOf) -> None:
    """Some NAS send several (radius.md §4)."""
    nas = nas_of(isp.stack)
    user = isp.customer(balance="10")
    login = nas.login(user, PASSWORD)
    session = nas.start_session(login, send_start=False)
    ours = login.class_value
    assert ours is not None
    classes: Sequence[tuple[str, bytes]] = [
        ("Class", b"kiosk"),
        ("Class", ours),
        ("Class", b"\xff\0k1.1"),
    ]

    session.start(classes)
    nas.advance(59)
    session.stop(extra=classes)
    isp.folded()

    assert isp.session(user)["state"] == "ended"
    assert isp.posted(user) == Decimal("9.00")


def test_two_devices_of_a_nas_that_tells_neither_class_nor_station_are_two_sessions(
    isp: Isp, nas_of: NasOf
) -> None:
    """Their Starts come in one batch, and either login could be meant: not both one."""
    nas = nas_of(
        isp.stack, quirks=Quirks(echoes_class=False, session_id_in_login=False)
    )
    user = isp.customer(isp.package(sessions_allowed=2), balance="10")
    untold = [("Calling-Station-Id", None)]
    logins = [nas.login(user, PASSWORD, extra=untold) for _ in range(2)]  # type: ignore[arg-type]
    sessions = [nas.start_session(login, send_start=False) for login in logins]

    isp.stack.stop("worker")
    try:
        for session in sessions:
            session.start(untold)  # type: ignore[arg-type]
    finally:
        isp.stack.start("worker")
    isp.folded()

    assert {s["acct_session_id"] for s in isp.sessions(user)} == {
        session.acct_session_id for session in sessions
    }
    assert [s["state"] for s in isp.sessions(user)] == ["open", "open"]
    for session in sessions:
        session.stop(extra=untold)  # type: ignore[arg-type]


def test_a_nas_without_class_and_without_id_at_login_still_has_one_session(
    isp: Isp, nas_of: NasOf
) -> None:
    nas = nas_of(
        isp.stack, quirks=Quirks(echoes_class=False, session_id_in_login=False)
    )
    user = isp.customer(balance="10")

    session = nas.start_session(nas.login(user, PASSWORD))
    nas.advance(119)
    session.stop()
    isp.folded()

    assert isp.session(user)["state"] == "ended"
    assert isp.posted(user) == Decimal("8.00")
    assert isp.reserved(user) == 0


def test_somebody_elses_class_does_not_charge_him(isp: Isp, nas_of: NasOf) -> None:
    nas = nas_of(isp.stack)
    user, victim = isp.customer(balance="10"), isp.customer(balance="10")
    stolen = nas.login(victim, PASSWORD).class_value
    assert stolen is not None
    login = nas.login(user, PASSWORD)
    session = nas.start_session(login, send_start=False)

    session.start([("Class", stolen)])
    nas.advance(59)
    session.stop(extra=[("Class", stolen)])
    isp.folded()

    assert isp.posted(victim) == Decimal("10.00")
    assert isp.posted(user) == Decimal("9.00")


def test_the_books_are_sound_after_all_of_this(isp: Isp) -> None:
    isp.folded()

    assert isp.errors() == []
