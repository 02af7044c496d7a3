"""The simulated NAS logs customers in."""

import socket

import pytest

from radius_module.dictionary import add_attribute
from simulators.nas import Flavour, Limits, LoginOutcome, Quirks, Retry, SimulatedNas

from .server import SECRET, RadiusServer

METHODS = ["pap", "chap", "mschapv2", "eap-md5"]
CUSTOMERS = {"alice": "s3cret pässword", "bob": ""}
IMPATIENT = Retry(timeout_seconds=0.05, attempts=2)


def a_nas(server, address="127.0.0.2", **options):
    return SimulatedNas(
        address, SECRET, auth=server.address, acct=server.address, **options
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("username", CUSTOMERS)
def test_the_right_password_is_accepted(method, username):
    with RadiusServer(CUSTOMERS) as server, a_nas(server) as nas:
        login = nas.login(username, CUSTOMERS[username], method=method)
    assert login.accepted
    assert login.has_message_authenticator
    assert login.round_trips == (3 if method == "eap-md5" else 1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("username", ["alice", "nobody"])
def test_a_wrong_password_or_name_is_rejected_with_the_server_s_words(method, username):
    with RadiusServer(CUSTOMERS) as server, a_nas(server) as nas:
        login = nas.login(username, "guess", method=method)
    assert login.outcome is LoginOutcome.REJECT
    assert not login.accepted
    assert login.reply_message == "No entry."


def test_a_pppoe_login_says_what_a_mikrotik_says():
    with RadiusServer(CUSTOMERS) as server, a_nas(server, "127.0.0.9") as nas:
        login = nas.login("alice", CUSTOMERS["alice"], mac="02-00-5e-00-53-aa")
    (packet,) = server.logins
    assert packet["Service-Type"] == ["Framed-User"]
    assert packet["Framed-Protocol"] == ["PPP"]
    assert packet["NAS-Port-Type"] == ["Ethernet"]
    assert packet["Calling-Station-Id"] == ["02:00:5E:00:53:AA"]
    assert packet["NAS-IP-Address"] == ["127.0.0.9"]
    assert packet["NAS-Identifier"] == ["sim-127.0.0.9"]
    assert packet["Acct-Session-Id"] == [login.acct_session_id]
    assert {"NAS-Port", "NAS-Port-Id", "Called-Station-Id"} <= set(packet.keys())
    assert "Framed-IP-Address" not in packet
    assert server.peers[0][0] == "127.0.0.9"


def test_a_hotspot_login_says_where_the_customer_already_is():
    with (
        RadiusServer(CUSTOMERS) as server,
        a_nas(server, flavour=Flavour.HOTSPOT) as nas,
    ):
        nas.login("alice", CUSTOMERS["alice"], method="chap")
    (packet,) = server.logins
    assert packet["Mikrotik-Host-IP"] == packet["Framed-IP-Address"]
    assert packet["NAS-Port-Type"] == ["Wireless-802.11"]
    assert "Service-Type" not in packet
    assert "CHAP-Challenge" in packet


def test_attributes_can_be_replaced_added_and_left_out():
    extra = (("NAS-Port-Id", b"\xff\x00"), ("Class", b"x"), ("NAS-Port", None))
    with RadiusServer(CUSTOMERS) as server, a_nas(server) as nas:
        nas.login("alice", CUSTOMERS["alice"], extra=extra)
    (packet,) = server.logins
    assert packet["NAS-Port-Id"] == [b"\xff\x00"]
    assert packet["Class"] == [b"x"]
    assert "NAS-Port" not in packet


def test_each_login_is_a_new_device_and_a_new_session_unless_told():
    with RadiusServer(CUSTOMERS) as server, a_nas(server) as nas:
        logins = [nas.login("alice", "x") for _ in range(300)]
    assert len({login.mac for login in logins}) == 300
    assert len({login.acct_session_id for login in logins}) == 300


def test_what_the_server_grants_is_read_with_its_gigawords():
    accepts = [
        ("Session-Timeout", 3600),
        ("Idle-Timeout", 300),
        ("Acct-Interim-Interval", 60),
        ("Framed-IP-Address", "10.9.8.7"),
        ("Framed-Pool", "paying"),
        ("Class", b"0xabcd"),
        ("Class", b"\x00second"),
        ("Mikrotik-Rate-Limit", "5M/10M"),
        ("Mikrotik-Address-List", "customers"),
        ("Mikrotik-Total-Limit", 705_032_704),
        ("Mikrotik-Total-Limit-Gigawords", 1),
        ("Port-Limit", 2),
    ]
    with RadiusServer(CUSTOMERS, accepts) as server, a_nas(server) as nas:
        login = nas.login("alice", CUSTOMERS["alice"])
    assert login.limits == Limits(
        session_timeout_seconds=3600,
        idle_timeout_seconds=300,
        total_octets_max=5_000_000_000,
        rate_limit="5M/10M",
        address_list="customers",
    )
    assert login.interim_interval_seconds == 60
    assert (login.framed_ip, login.framed_pool) == ("10.9.8.7", "paying")
    assert login.attributes["Class"] == (b"0xabcd", b"\x00second")
    assert login.class_value == b"0xabcd"
    assert login.port_limit == 2


def test_an_address_left_to_the_nas_is_no_address():
    accepts = [("Framed-IP-Address", "255.255.255.254")]
    with RadiusServer(CUSTOMERS, accepts) as server, a_nas(server) as nas:
        assert nas.login("alice", CUSTOMERS["alice"]).framed_ip is None


def test_an_unsigned_reply_is_ignored_unless_the_nas_does_not_mind():
    trusting = Quirks(requires_message_authenticator=False)
    with RadiusServer(CUSTOMERS) as server:
        server.signs = False
        with a_nas(server, login_retry=IMPATIENT) as nas:
            strict = nas.login("alice", CUSTOMERS["alice"])
        with a_nas(server, quirks=trusting) as nas:
            lax = nas.login("alice", CUSTOMERS["alice"])
    assert strict.outcome is LoginOutcome.NO_ANSWER
    assert lax.accepted
    assert not lax.has_message_authenticator


def test_a_reply_made_with_another_secret_is_ignored():
    def forge(reply):
        reply.secret = b"guessed"

    with RadiusServer(CUSTOMERS) as server:
        server.edit = forge
        with a_nas(server, login_retry=IMPATIENT) as nas:
            login = nas.login("alice", CUSTOMERS["alice"])
    assert login.outcome is LoginOutcome.NO_ANSWER


def test_a_server_that_does_not_know_the_password_cannot_accept_mschapv2():
    def forge(reply):
        del reply["MS-CHAP2-Success"]
        add_attribute(reply, "MS-CHAP2-Success", b"\0S=" + b"0" * 40)

    with RadiusServer(CUSTOMERS) as server:
        server.edit = forge
        with a_nas(server) as nas:
            login = nas.login("alice", CUSTOMERS["alice"], method="mschapv2")
    assert login.outcome is LoginOutcome.ACCEPT
    assert login.server_authenticated is False
    assert not login.accepted


def test_a_login_is_repeated_with_the_same_bytes():
    with RadiusServer(CUSTOMERS) as server:
        server.ignored_count = 1
        with a_nas(server, login_retry=IMPATIENT) as nas:
            login = nas.login("alice", CUSTOMERS["alice"])
    assert login.accepted
    assert len(server.datagrams) == 2
    assert len(set(server.datagrams)) == 1


def test_a_server_that_is_not_there_is_no_answer():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        address = sock.getsockname()
    with SimulatedNas(
        "127.0.0.2", SECRET, auth=address, acct=address, login_retry=IMPATIENT
    ) as nas:
        login = nas.login("alice", "x")
    assert login.outcome is LoginOutcome.NO_ANSWER


def test_a_rejected_customer_cannot_start_a_session():
    with RadiusServer(CUSTOMERS) as server, a_nas(server) as nas:
        login = nas.login("alice", "guess")
        with pytest.raises(ValueError, match="alice was not accepted"):
            nas.start_session(login)
