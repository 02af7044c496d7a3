"""Log a customer in: PAP, CHAP, MS-CHAPv2 or EAP-MD5, as the NAS would."""

import hashlib
import hmac
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from pyrad.packet import AccessAccept, AccessChallenge, AuthPacket, Packet

from radius_module.dictionary import radius_dictionary, raw_values
from simulators.nas import eap, mschap
from simulators.nas.attributes import Line, Value, fill, read_attributes
from simulators.nas.limits import Limits, first_int, first_str, read_limits
from simulators.nas.options import Retry
from simulators.nas.wire import Address, ask, open_socket, verified_reply

# "none" carries no password at all.
Method = Literal["pap", "chap", "mschapv2", "eap-md5", "none"]

_ROUND_TRIPS_MAX = 8


class LoginOutcome(StrEnum):
    """How a login ended."""

    ACCEPT = "accept"
    REJECT = "reject"
    NO_ANSWER = "no answer"


@dataclass(frozen=True, slots=True)
class LoginResult:
    """How a login ended, and what the NAS is told to do with the session."""

    outcome: LoginOutcome
    line: Line
    attributes: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    round_trips: int = 0
    has_message_authenticator: bool = False
    # Whether the server proved that it knows the password too (MS-CHAPv2 only).
    server_authenticated: bool | None = None

    @property
    def accepted(self) -> bool:
        """Say whether the customer may go on-line."""
        return (
            self.outcome is LoginOutcome.ACCEPT
            and self.server_authenticated is not False
        )

    @property
    def limits(self) -> Limits:
        """Return what the NAS must enforce."""
        return read_limits(self.attributes)

    @property
    def reply_message(self) -> str:
        """Return what the customer is told."""
        values = self.attributes.get("Reply-Message", ())
        return "".join(value for value in values if isinstance(value, str))

    @property
    def username(self) -> str:
        """Return the name logged in with."""
        return self.line.username

    @property
    def mac(self) -> str:
        """Return the customer's MAC address."""
        return self.line.mac

    @property
    def acct_session_id(self) -> str:
        """Return the Acct-Session-Id the session will have."""
        return self.line.acct_session_id

    @property
    def session_timeout_seconds(self) -> int | None:
        """Return Session-Timeout."""
        return self.limits.session_timeout_seconds

    @property
    def idle_timeout_seconds(self) -> int | None:
        """Return Idle-Timeout."""
        return self.limits.idle_timeout_seconds

    @property
    def interim_interval_seconds(self) -> int | None:
        """Return Acct-Interim-Interval."""
        return first_int(self.attributes, "Acct-Interim-Interval")

    @property
    def input_octets_max(self) -> int | None:
        """Return how much the customer may send."""
        return self.limits.input_octets_max

    @property
    def output_octets_max(self) -> int | None:
        """Return how much the customer may receive."""
        return self.limits.output_octets_max

    @property
    def total_octets_max(self) -> int | None:
        """Return how much the customer may send and receive together."""
        return self.limits.total_octets_max

    @property
    def rate_limit(self) -> str | None:
        """Return Mikrotik-Rate-Limit, the customer's upload first."""
        return self.limits.rate_limit

    @property
    def address_list(self) -> str | None:
        """Return Mikrotik-Address-List."""
        return self.limits.address_list

    @property
    def framed_ip(self) -> str | None:
        """Return the address the server chose, None if the NAS is to choose."""
        framed_ip = first_str(self.attributes, "Framed-IP-Address")
        # RFC 2865 section 5.8 leaves these two to the NAS.
        if framed_ip in ("255.255.255.254", "255.255.255.255"):
            return None
        return framed_ip

    @property
    def framed_pool(self) -> str | None:
        """Return Framed-Pool."""
        return first_str(self.attributes, "Framed-Pool")

    @property
    def class_value(self) -> bytes | None:
        """Return the first Class."""
        value = next(iter(self.attributes.get("Class", ())), None)
        return value if isinstance(value, bytes) else None

    @property
    def port_limit(self) -> int | None:
        """Return Port-Limit."""
        return first_int(self.attributes, "Port-Limit")


@dataclass(frozen=True, slots=True)
class LoginServer:
    """The server to ask, from where, and how."""

    source: str
    server: Address
    secret: bytes = field(repr=False)
    retry: Retry
    sends_message_authenticator: bool
    requires_message_authenticator: bool


@dataclass(frozen=True, slots=True)
class _Credentials:
    attributes: tuple[tuple[str, Value], ...]
    # What a server that knows the password answers MS-CHAPv2 with.
    server_proof: str | None = None


def log_in(
    asked: LoginServer,
    line: Line,
    password: str,
    method: Method,
    attributes: Iterable[tuple[str, Value]],
) -> LoginResult:
    """Ask the server about a customer, in as many rounds as the method takes."""
    attributes = list(attributes)
    if method == "eap-md5":
        return _log_in_with_eap(asked, line, password, attributes)
    packet = _request(asked, attributes)
    credentials = _credentials(packet, line.username, password, method)
    fill(packet, credentials.attributes)
    reply = _ask_server(asked, packet)
    if reply is None:
        return LoginResult(LoginOutcome.NO_ANSWER, line, round_trips=1)
    return _result(line, reply, 1, credentials.server_proof)


def chap_password(identifier: bytes, password: str, challenge: bytes) -> bytes:
    """Answer a CHAP challenge as CHAP-Password carries it (RFC 2865 section 5.3)."""
    digest = hashlib.md5(
        identifier + password.encode() + challenge, usedforsecurity=False
    )
    return identifier + digest.digest()


def _log_in_with_eap(
    asked: LoginServer,
    line: Line,
    password: str,
    attributes: list[tuple[str, Value]],
) -> LoginResult:
    answer: eap.EapPacket | None = eap.identity(line.username)
    state: list[bytes] = []
    for round_trip in range(1, _ROUND_TRIPS_MAX + 1):
        if answer is None:
            break
        packet = _request(asked, attributes)
        # RFC 3579 section 3.2: EAP is never without a Message-Authenticator.
        packet.message_authenticator = True
        fill(packet, (("EAP-Message", part) for part in eap.encode(answer)))
        fill(packet, (("State", value) for value in state))
        reply = _ask_server(asked, packet)
        if reply is None:
            return LoginResult(LoginOutcome.NO_ANSWER, line, round_trips=round_trip)
        if reply.code != AccessChallenge:
            return _result(line, reply, round_trip, None)
        state = raw_values(reply, "State")
        challenge = eap.decode(raw_values(reply, "EAP-Message"))
        answer = None if challenge is None else eap.respond(challenge, password)
    return LoginResult(LoginOutcome.NO_ANSWER, line, round_trips=round_trip)


def _request(asked: LoginServer, attributes: Iterable[tuple[str, Value]]) -> AuthPacket:
    packet = AuthPacket(
        id=os.urandom(1)[0],
        secret=asked.secret,
        authenticator=os.urandom(16),
        dict=radius_dictionary(),
    )
    fill(packet, attributes)
    packet.message_authenticator = asked.sends_message_authenticator
    return packet


def _credentials(
    packet: AuthPacket, username: str, password: str, method: Method
) -> _Credentials:
    challenge = os.urandom(16)
    if method == "none":
        return _Credentials(())
    if method == "pap":
        # An empty password is one block of zeros (RFC 2865 section 5.2).
        hidden = packet.PwCrypt(password or "\0" * 16)
        return _Credentials((("User-Password", hidden),))
    if method == "chap":
        chap = chap_password(os.urandom(1), password, challenge)
        return _Credentials((("CHAP-Challenge", challenge), ("CHAP-Password", chap)))
    if method != "mschapv2":
        raise ValueError(f"unknown login method: {method}")
    peer_challenge = os.urandom(16)
    known = {
        "authenticator_challenge": challenge,
        "peer_challenge": peer_challenge,
    }
    response = mschap.nt_response(**known, username=username, password=password)
    # RFC 2548 section 2.3.2: ident, flags, peer challenge, eight zeros, response.
    value = b"\0\0" + peer_challenge + bytes(8) + response
    proof = mschap.authenticator_response(
        **known, response=response, username=username, password=password
    )
    return _Credentials(
        (("MS-CHAP-Challenge", challenge), ("MS-CHAP2-Response", value)), proof
    )


def _ask_server(asked: LoginServer, packet: AuthPacket) -> Packet | None:
    """Send the same bytes until the server answers or the NAS gives up."""
    datagram = packet.RequestPacket()
    with open_socket(asked.source, asked.server) as sock:
        for _ in range(asked.retry.attempts):
            reply = ask(
                sock,
                datagram,
                lambda answer: verified_reply(
                    packet,
                    answer,
                    requires_message_authenticator=asked.requires_message_authenticator,
                ),
                asked.retry.timeout_seconds,
            )
            if reply is not None:
                return reply
    return None


def _result(
    line: Line, reply: Packet, round_trips: int, server_proof: str | None
) -> LoginResult:
    accepted = reply.code == AccessAccept
    server_authenticated = None
    if accepted and server_proof is not None:
        # RFC 2548 section 2.3.3: one octet of ident, then "S=...".
        answers = [value[1:] for value in raw_values(reply, "MS-CHAP2-Success")]
        server_authenticated = any(
            hmac.compare_digest(answer[: len(server_proof)], server_proof.encode())
            for answer in answers
        )
    return LoginResult(
        LoginOutcome.ACCEPT if accepted else LoginOutcome.REJECT,
        line,
        read_attributes(reply),
        round_trips,
        bool(reply.message_authenticator),
        server_authenticated,
    )
