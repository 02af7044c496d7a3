"""The simulated NAS's password methods against the RFCs' own vectors."""

import os

import pytest
from pyrad.packet import AuthPacket

from radius_module.dictionary import radius_dictionary
from simulators.nas import eap, mschap
from simulators.nas.login import chap_password
from simulators.nas.wire import verified_reply

# RFC 2759 section 9.2
USERNAME, PASSWORD = "User", "clientPass"
CHALLENGES = {
    "authenticator_challenge": bytes.fromhex("5B5D7C7D7B3F2F3E3C2C602132262628"),
    "peer_challenge": bytes.fromhex("21402324255E262A28295F2B3A337C7E"),
}
NT_RESPONSE = bytes.fromhex("82309ECD8D708B5EA08FAA3981CD83544233114A3D85D6DF")


@pytest.mark.parametrize(
    ("message", "digest"),
    [
        ("", "31d6cfe0d16ae931b73c59d7e0c089c0"),
        ("a", "bde52cb31de33e46245e05fbdbd6fb24"),
        ("abc", "a448017aaf21d8525fc10ae87aa6729d"),
        ("message digest", "d9130a8164549fe818874806e1c7014b"),
        ("abcdefghijklmnopqrstuvwxyz", "d79e1c308aa5bbcdeea8ed63df412da9"),
        ("1234567890" * 8, "e33b4ddc9c38f2199c3e7b164fcc0536"),
    ],
)
def test_md4_gives_the_digests_of_rfc_1320(message, digest):
    assert mschap.md4(message.encode()).hex() == digest


def test_the_password_hashes_as_in_rfc_2759():
    hashed = mschap.password_hash(PASSWORD)
    assert hashed.hex().upper() == "44EBBA8D5312B8D611474411F56989AE"
    assert mschap.md4(hashed).hex().upper() == "41C00C584BD2D91C4017A2A12FA59F3F"


def test_the_challenge_hashes_as_in_rfc_2759():
    challenge = mschap.challenge_hash(
        CHALLENGES["peer_challenge"], CHALLENGES["authenticator_challenge"], USERNAME
    )
    assert challenge.hex().upper() == "D02E4386BCE91226"


@pytest.mark.parametrize("username", [USERNAME, "BIGCO\\" + USERNAME])
def test_the_response_is_that_of_rfc_2759_with_a_domain_or_without(username):
    response = mschap.nt_response(**CHALLENGES, username=username, password=PASSWORD)
    assert response == NT_RESPONSE


def test_the_server_s_proof_is_that_of_rfc_2759():
    proof = mschap.authenticator_response(
        **CHALLENGES, response=NT_RESPONSE, username=USERNAME, password=PASSWORD
    )
    assert proof == "S=407A5589115FD0D6209F510FE9C04566932CDA56"


# RFC 2865 section 7
SECRET = b"xyzzy5461"
NEMO = bytes.fromhex("0f403f9473978057bd83d5cb98f4227a")
FLOPSY = bytes.fromhex("2aee86f08d0d55969ca5978e0d3367a2")
NEMO_ACCEPT = bytes.fromhex(
    "0200002686fe220e7624ba2a1005f6bf9b55e0b20606000000010f06000000000e06c0a80103"
)
FLOPSY_ACCEPT = bytes.fromhex(
    "0201003815efbc7dab26cfa3dc34d9c03c8601a4"
    "0606000000020706000000010806fffffffe0a06000000020d06000000010c06000005dc"
)


def access_request(identifier, authenticator):
    return AuthPacket(
        id=identifier,
        secret=SECRET,
        authenticator=authenticator,
        dict=radius_dictionary(),
    )


def test_nemo_s_password_hides_as_in_rfc_2865_7_1():
    hidden = access_request(0, NEMO).PwCrypt("arctangent")
    assert hidden.hex() == "0dbe708d93d413ce3196e43f782a0aee"


def test_flopsy_s_chap_answer_is_that_of_rfc_2865_7_2():
    chap = chap_password(b"\x16", "arctangent", FLOPSY)
    assert chap.hex() == "16e97557c316185895f293ff6344077275"


@pytest.mark.parametrize(
    ("identifier", "authenticator", "answer"),
    [(0, NEMO, NEMO_ACCEPT), (1, FLOPSY, FLOPSY_ACCEPT)],
)
def test_the_accepts_of_rfc_2865_verify(identifier, authenticator, answer):
    request = access_request(identifier, authenticator)
    reply = verified_reply(request, answer, requires_message_authenticator=False)
    assert reply["Service-Type"] == [["Login-User"], ["Framed-User"]][identifier]


@pytest.mark.parametrize("at", [0, 1, 10, 25])
def test_an_accept_with_one_bit_changed_does_not_verify(at):
    answer = bytearray(NEMO_ACCEPT)
    answer[at] ^= 1
    request = access_request(0, NEMO)
    reply = verified_reply(request, bytes(answer), requires_message_authenticator=False)
    assert reply is None


def test_an_accept_without_a_message_authenticator_is_refused_when_one_is_required():
    request = access_request(0, NEMO)
    reply = verified_reply(request, NEMO_ACCEPT, requires_message_authenticator=True)
    assert reply is None


def test_a_long_eap_packet_is_split_over_attributes_and_joined_again():
    packet = eap.EapPacket(eap.RESPONSE, 7, eap.IDENTITY, os.urandom(600))
    values = eap.encode(packet)
    assert [len(value) for value in values] == [253, 253, 99]
    assert eap.decode(values) == packet


@pytest.mark.parametrize(
    "octets", [b"", b"\x01\x02", b"\x01\x02\x00\x03", b"\x01\x02\x00\x09\x04"]
)
def test_eap_that_makes_no_sense_is_no_packet(octets):
    assert eap.decode([octets]) is None


def test_another_eap_method_is_answered_with_the_wish_for_md5():
    peap = eap.EapPacket(eap.REQUEST, 9, 25, b"\x20")
    wish = eap.EapPacket(eap.RESPONSE, 9, eap.NAK, bytes((eap.MD5_CHALLENGE,)))
    assert eap.respond(peap, "x") == wish


def test_an_md5_challenge_is_answered_as_chap_would_be():
    challenge = eap.EapPacket(
        eap.REQUEST, 0x16, eap.MD5_CHALLENGE, bytes((16,)) + FLOPSY + b"name"
    )
    answer = eap.respond(challenge, "arctangent")
    expected = chap_password(b"\x16", "arctangent", FLOPSY)[1:]
    assert answer.data == bytes((16,)) + expected


@pytest.mark.parametrize("data", [b"", b"\x10short"])
def test_a_cut_off_md5_challenge_is_not_answered(data):
    challenge = eap.EapPacket(eap.REQUEST, 1, eap.MD5_CHALLENGE, data)
    assert eap.respond(challenge, "x") is None
