"""Logins that are refused: why, what is told to whom, and that nothing stays behind."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billing_core.services.customers import suspend
from radius_module.replies import REJECT_MESSAGES
from simulators.nas import Flavour, LoginOutcome, Quirks, Retry, SimulatedNas
from tests.radius.conftest import SECRET, next_address
from tests.radius.isp import PASSWORD, Isp, until

NasOf = Callable[..., SimulatedNas]
METHODS = ("pap", "chap", "mschapv2", "eap-md5")
MAC = "02:00:00:00:00:01"
_macs = (f"02:00:00:00:01:{number:02X}" for number in itertools.count())


def suspended(isp: Isp) -> str:
    user = isp.customer(balance="10")
    suspend(isp.conn, user, note="", actor="test", now=datetime.now(UTC))
    return user


def disabled(isp: Isp) -> str:
    user = isp.customer(balance="10")
    now = datetime.now(UTC)
    suspend(isp.conn, user, note="", actor="test", now=now, disable=True)
    return user


def bound_to_another_device(isp: Isp) -> str:
    return isp.customer(balance="10", mac_binding="02:AA:AA:AA:AA:AA")


def without_money(isp: Isp) -> str:
    return isp.customer()


def without_money_for_the_day(isp: Isp) -> str:
    package = isp.package(
        billing="daily", price=Decimal(600), validity_seconds=30 * 86400
    )
    return isp.customer(package, balance="19.99")


def without_a_package(isp: Isp) -> str:
    package = isp.package(
        billing="package", validity_seconds=60, validity_from="purchase"
    )
    return isp.customer(package, balance="10")


def with_a_package_that_is_used_up(isp: Isp) -> str:
    package = isp.package(
        billing="package",
        validity_seconds=3600,
        validity_from="purchase",
        quota_octets=1000,
    )
    user = isp.customer(package)
    isp.buy(user, package)
    isp.conn.execute(
        "UPDATE subscription SET octets_allowed = 0 WHERE customer_id = %s",
        [isp.customer_id(user)],
    )
    return user


def with_a_package_that_expired(isp: Isp) -> str:
    package = isp.package(
        billing="package", validity_seconds=3600, validity_from="purchase"
    )
    user = isp.customer(package)
    isp.buy(user, package)
    isp.conn.execute(
        "UPDATE subscription SET valid_until = now() WHERE customer_id = %s",
        [isp.customer_id(user)],
    )
    return user


REFUSED = {
    suspended: "SUSPENDED",
    disabled: "DISABLED",
    bound_to_another_device: "MAC_MISMATCH",
    without_money: "BALANCE_EXHAUSTED",
    without_money_for_the_day: "BALANCE_EXHAUSTED",
    without_a_package: "NO_SUBSCRIPTION",
    with_a_package_that_is_used_up: "QUOTA_EXHAUSTED",
    with_a_package_that_expired: "PACKAGE_EXPIRED",
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("make", REFUSED, ids=lambda make: make.__name__)
def test_who_may_not_come_in_is_told_why_if_he_knows_the_password(
    make: Callable[[Isp], str], method: str, isp: Isp, nas_of: NasOf
) -> None:
    nas = nas_of(isp.stack)
    user = make(isp)
    posted = isp.posted(user)

    refused = nas.login(user, PASSWORD, method=method, mac=MAC)
    guessed = nas.login(user, "a guess", method=method, mac=MAC)

    assert refused.outcome is LoginOutcome.REJECT
    assert refused.has_message_authenticator
    assert refused.reply_message == REJECT_MESSAGES[REFUSED[make]]  # type: ignore[index]
    # Who guesses learns nothing, not even that there is such a customer.
    nobody = nas.login("nobody at all", "a guess", method=method, mac=MAC)
    assert guessed.outcome is LoginOutcome.REJECT
    assert guessed.has_message_authenticator
    if method != "eap-md5":
        assert said(guessed) == said(nobody)
    assert guessed.reply_message == nobody.reply_message
    # A reject carries nothing that an accept would have (a router may obey it).
    for login in (refused, guessed, nobody):
        assert set(login.attributes) <= {
            "Reply-Message",
            "Message-Authenticator",
            "EAP-Message",
        }
    assert isp.rejects(user) == [REFUSED[make], "BAD_CREDENTIALS"]
    assert isp.left_nothing(user)
    assert isp.posted(user) == posted
    assert isp.reserved(user) == 0


def said(login: object) -> dict[str, object]:
    """Return what a refusal says, without what differs in each packet."""
    attributes = dict(login.attributes)  # type: ignore[attr-defined]
    attributes.pop("Message-Authenticator", None)
    return attributes


def test_an_unknown_username_is_logged_without_a_customer(
    isp: Isp, nas_of: NasOf
) -> None:
    nas = nas_of(isp.stack)
    name = "nobody' OR 'a'='a"

    assert nas.login(name, PASSWORD, mac=MAC).outcome is LoginOutcome.REJECT

    logged = isp.rows(
        "SELECT customer_id, nas_id IS NOT NULL, calling_station_id, reason"
        " FROM access_reject WHERE username = %s",
        name,
    )
    assert logged == [(None, True, MAC, "UNKNOWN_CUSTOMER")]


def test_one_session_more_than_allowed_is_refused(isp: Isp, nas_of: NasOf) -> None:
    nas = nas_of(isp.stack)
    user = isp.customer(isp.package(billing="free", sessions_allowed=2))

    assert nas.login(user, PASSWORD).accepted
    assert nas.login(user, PASSWORD).accepted
    third = nas.login(user, PASSWORD)

    assert not third.accepted
    assert third.reply_message == REJECT_MESSAGES["TOO_MANY_SESSIONS"]  # type: ignore[index]
    assert isp.rejects(user) == ["TOO_MANY_SESSIONS"]
    assert len(isp.sessions(user)) == 2


def test_a_session_that_ended_makes_room(isp: Isp, nas_of: NasOf) -> None:
    nas = nas_of(isp.stack)
    user = isp.customer(isp.package(billing="free"))
    nas.start_session(nas.login(user, PASSWORD)).stop()
    isp.folded()

    assert nas.login(user, PASSWORD).accepted


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ("02:00:5E:10:00:01", "02:00:5E:10:00:01"),
        ("02:00:5e:10:00:01", "02:00:5e:10:00:01"),
        ("02-00-5E-10-00-01", "02-00-5E-10-00-01"),
        ("0200.5e10.0001", "0200.5e10.0001"),
        ("0200-5e10-0001", "0200-5e10-0001"),
        ("02005e100001", "02005e100001"),
        ("02-00-5e-10-00-01", "02:00:5E:10:00:01"),
        ("02-00-5E-10-00-01:hotspot-ssid", "02-00-5E-10-00-01:hotspot-ssid"),
        ("01123456789", "01123456789"),
    ],
)
def test_the_same_device_on_the_same_nas_replaces_its_dead_session(
    first: str, again: str, isp: Isp, nas_of: NasOf
) -> None:
    """However the NAS writes a MAC address (RFC 3580 §3.21, Cisco, bare digits)."""
    nas = nas_of(isp.stack)
    user = isp.customer(balance="10")
    login = nas.login(user, PASSWORD, extra=[("Calling-Station-Id", first)])
    old = nas.start_session(login)
    isp.folded()

    login = nas.login(user, PASSWORD, extra=[("Calling-Station-Id", again)])

    assert login.accepted, login.reply_message
    dead, new = isp.sessions(user)
    assert (dead["state"], dead["terminate_cause"]) == ("ended", "Superseded")
    assert new["state"] == "opening"
    assert isp.reserved(user) == Decimal("10.00")
    old.vanish()


@pytest.mark.parametrize(
    "mac", ["02-00-5e-10-00-02", "0200.5e10.0002", "02005E100002", "02:00:5E:10:00:02"]
)
@pytest.mark.parametrize("tells_id", [True, False])
def test_one_device_is_one_session_however_its_nas_writes_its_address(
    mac: str, tells_id: bool, isp: Isp, nas_of: NasOf
) -> None:
    """A NAS that neither echoes Class nor tells Acct-Session-Id at login (pppd)."""
    quirks = Quirks(echoes_class=False, session_id_in_login=tells_id)
    nas = nas_of(isp.stack, quirks=quirks)
    user = isp.customer(balance="10")

    written = [("Calling-Station-Id", mac)]
    login = nas.login(user, PASSWORD, extra=written)
    session = nas.start_session(login, send_start=False)
    session.start(written)
    nas.advance(59)
    session.stop(extra=written)
    isp.folded()

    assert isp.session(user)["state"] == "ended"
    assert isp.posted(user) == Decimal("9.00")
    assert isp.reserved(user) == 0


def test_the_same_device_on_another_nas_is_another_session(
    isp: Isp, nas_of: NasOf
) -> None:
    user = isp.customer(isp.package(billing="free"))
    assert nas_of(isp.stack).login(user, PASSWORD, mac=MAC).accepted

    assert not nas_of(isp.stack).login(user, PASSWORD, mac=MAC).accepted
    assert isp.rejects(user) == ["TOO_MANY_SESSIONS"]


@pytest.mark.parametrize("mac", ["02-AA-AA-AA-AA-AA", "02aa.aaaa.aaaa"])
def test_the_bound_device_comes_in_however_its_nas_writes_its_address(
    mac: str, isp: Isp, nas_of: NasOf
) -> None:
    user = bound_to_another_device(isp)
    nas = nas_of(isp.stack)

    login = nas.login(user, PASSWORD, extra=[("Calling-Station-Id", mac)])

    assert login.accepted, login.reply_message


def test_a_suspension_between_decision_and_opening_holds(
    isp: Isp, nas_of: NasOf
) -> None:
    """Suspended customers with running sessions are put off, and stay off."""
    nas = nas_of(isp.stack)
    user = isp.customer(balance="10")
    session = nas.start_session(nas.login(user, PASSWORD, mac=MAC))
    isp.folded()

    suspend(isp.conn, user, note="", actor="test", now=datetime.now(UTC))

    assert until(lambda: not session.is_live)
    assert session.terminate_cause == "Admin-Reset"
    assert not nas.login(user, PASSWORD, mac=MAC).accepted
    assert isp.rejects(user) == ["SUSPENDED"]


def test_an_unknown_nas_is_not_answered_and_is_put_on_record(isp: Isp) -> None:
    user = isp.customer(isp.package(billing="free"))
    address = next_address()
    stranger = SimulatedNas(
        address,
        SECRET.encode(),
        auth=("127.0.0.1", isp.stack.auth_port),
        acct=("127.0.0.1", isp.stack.acct_port),
        login_retry=Retry(timeout_seconds=0.3, attempts=10),
    )
    with stranger:
        # FreeRADIUS looks up one address a second; a NAS asks again anyway.
        login = stranger.login(user, PASSWORD)

    assert login.outcome is LoginOutcome.NO_ANSWER
    assert isp.left_nothing(user)
    assert isp.rejects(user) == []
    assert isp.one("SELECT packets FROM unknown_nas WHERE address = %s", address) > 0


def test_a_nas_with_the_wrong_secret_gets_no_one_in(isp: Isp, nas_of: NasOf) -> None:
    right = nas_of(isp.stack)
    user = isp.customer(balance="10")
    wrong = SimulatedNas(
        right.address,
        b"not the secret",
        auth=("127.0.0.1", isp.stack.auth_port),
        acct=("127.0.0.1", isp.stack.acct_port),
        login_retry=Retry(timeout_seconds=0.3, attempts=2),
        retry=Retry(timeout_seconds=0.3, attempts=2),
        quirks=Quirks(requires_message_authenticator=False),
    )
    with wrong:
        assert not wrong.login(user, PASSWORD).accepted
        packet = [("Acct-Status-Type", "Start"), ("User-Name", user)]
        assert not wrong.send_accounting(packet).acknowledged
    isp.folded()
    assert isp.events(user) == []
    assert isp.left_nothing(user)


@pytest.mark.parametrize(
    "attributes",
    [
        (("User-Name", "somebody else"), ("User-Name", "another")),
        (("Calling-Station-Id", MAC), ("Calling-Station-Id", "02:00:00:00:00:02")),
        (("NAS-Port-Id", "1"), ("NAS-Port-Id", "2")),
        (("Acct-Session-Id", "1"), ("Acct-Session-Id", "2")),
    ],
)
def test_an_injected_second_identity_is_refused(
    attributes: tuple[tuple[str, str], ...], isp: Isp, nas_of: NasOf
) -> None:
    """A hotspot page can add any attribute (radius.md §5)."""
    nas = nas_of(isp.stack, flavour=Flavour.HOTSPOT)
    user = isp.customer(balance="10")
    if attributes[0][0] == "User-Name":
        attributes = (("User-Name", user), ("User-Name", "another"))

    login = nas.login(user, PASSWORD, mac=MAC, extra=attributes)

    assert login.outcome is LoginOutcome.REJECT
    assert isp.rejects(user) == ["MALFORMED"]
    assert isp.left_nothing(user)


@pytest.mark.parametrize("raw", [b"bob\0x", b"\xff\xfe", b"line\nbreak", b"tab\t"])
@pytest.mark.parametrize("method", METHODS)
def test_a_username_of_broken_text_is_refused_and_logged(
    raw: bytes, method: str, isp: Isp, nas_of: NasOf
) -> None:
    nas = nas_of(isp.stack)
    mac = next(_macs)

    login = nas.login("x", PASSWORD, method=method, mac=mac, extra=[("User-Name", raw)])

    assert login.outcome is LoginOutcome.REJECT
    assert login.has_message_authenticator
    logged = isp.rows(
        "SELECT username, customer_id, reason FROM access_reject"
        " WHERE calling_station_id = %s",
        mac,
    )
    assert logged == [("0x" + raw.hex(), None, "MALFORMED")]


@pytest.mark.parametrize(
    "name",
    ["NAS-Port-Id", "Called-Station-Id", "NAS-Identifier", "Connect-Info", "Filter-Id"],
)
@pytest.mark.parametrize("raw", [b"\xff\xfe\xfd", b"a\0b", b"\n", b"\xe0\xa6", b"\t"])
def test_broken_text_elsewhere_keeps_nobody_out(
    name: str, raw: bytes, isp: Isp, nas_of: NasOf
) -> None:
    """MikroTik hotspots have names in any encoding (radius.md §0.5)."""
    nas = nas_of(isp.stack, flavour=Flavour.HOTSPOT)
    user = isp.customer(isp.package(billing="free"))

    for method in ("pap", "eap-md5"):
        login = nas.login(user, PASSWORD, method=method, mac=MAC, extra=[(name, raw)])
        assert login.accepted, login.reply_message


def test_a_nas_that_was_removed_gets_no_one_in(isp: Isp, nas_of: NasOf) -> None:
    """FreeRADIUS knows it from its start; the database no longer does."""
    nas = nas_of(isp.stack)
    user = isp.customer(balance="10")
    isp.conn.execute("DELETE FROM nas WHERE address = %s", [nas.address])

    login = nas.login(user, PASSWORD)

    assert not login.accepted
    assert isp.rejects(user) == ["UNKNOWN_NAS"]
    assert isp.left_nothing(user)
