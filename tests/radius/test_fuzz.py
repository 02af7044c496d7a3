"""Packets that nobody should send: the server stays up and goes on working."""

import random
import socket
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import pytest

from simulators.nas import SimulatedNas
from tests.radius import wire
from tests.radius.conftest import SECRET
from tests.radius.isp import PASSWORD, Isp, until

NasOf = Callable[..., SimulatedNas]
SEED = 20261124
PACKETS = 2000
# How many odd packets go out between two that must be answered.
BURST = 40
KEY = SECRET.encode()

# Attributes that somebody reads: identity, proofs, counters, addresses, vendors.
CODES = (
    *(1, 2, 3, 4, 5, 6, 7, 8, 24, 25, 26, 30, 31, 32, 33, 40, 41, 42, 43, 44, 46, 49),
    *(50, 52, 53, 55, 60, 61, 69, 77, 79, 80, 87, 88, 95, 96, 97, 123, 0, 255),
)
WORDS = (
    b"",
    b"\0",
    b"\xff\xfe\x80",
    b"%{User-Name} %{User-Password} %{sql:SELECT pg_sleep(9)}",
    b"'; DROP TABLE acct_intake; --",
    b"\\x27\\",
    b"k1.1",
    b"k" + b"z" * 40 + b"." + b"z" * 40,
    b"\n\r\t",
    b"x" * 253,
    b"\xff" * 253,
    b"=00=41=",
    b"0x41",
    bytes(16),
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"\x80\0\0\0",
)


# Each number where something may end: signs, minutes, 32 bits.
ENDS = (0, 1, 59, 60, 61, 1000, 10**6, 2**31 - 1, 2**31, 2**32 - 1)
NOW = int(time.time())
TIMES = (0, NOW, NOW + 50, NOW + 70, NOW - 10**5, NOW - 8 * 86400, 2**32 - 1)
GIGAWORDS = (0, 1, 2, 0xFFFF, 2**24, 2**31 - 1, 2**32 - 1)
NUMBERS = 1000
PACKAGES: tuple[dict[str, Any], ...] = (
    {},
    {"billing": "per_session", "price_per_mb": Decimal("0.01"), "sessions_allowed": 5},
    {
        "billing": "package",
        "validity_seconds": 3600,
        "validity_from": "first_use",
        "quota_octets": 10**9,
        "quota_seconds": 10**4,
        "sessions_allowed": 3,
    },
    {"billing": "daily", "price": Decimal(30), "validity_seconds": 30 * 86400},
    {"billing": "free"},
)


class Maker:
    """Makes odd packets; the same ones for the same seed."""

    def __init__(self, seed: int, usernames: list[bytes]) -> None:
        self.random = random.Random(seed)
        self.usernames = usernames

    def packets(self, count: int, make: Callable[[], bytes]) -> Iterator[bytes]:
        for _ in range(count):
            packet = make()
            if self.random.random() < 0.3:
                packet = self.broken(packet)
            yield packet[:4096]

    def access(self) -> bytes:
        attributes = self.attributes()
        packet = wire.access_request(KEY, attributes, signed=self.often())
        if self.random.random() < 0.3:
            authenticator = packet[4:20]
            password = wire.hidden(KEY, authenticator, PASSWORD.encode())
            attributes += wire.attribute(2, password)
            length = struct.pack("!H", 20 + len(attributes))
            packet = packet[:2] + length + authenticator + attributes
        return packet

    def accounting(self) -> bytes:
        status = self.random.choice((1, 2, 3, 7, 8, 9, 15, 0, 2**32 - 1))
        attributes = self.attributes()
        if self.often():
            attributes += wire.attribute(40, struct.pack("!I", status))
        return wire.accounting_request(KEY, attributes)

    def attributes(self) -> bytes:
        found = b""
        if self.often():
            found += wire.attribute(1, self.random.choice(self.usernames))
        for _ in range(self.random.choice((0, 1, 3, 8, 20, 60, 250))):
            found += self.attribute()
            if len(found) > 3900:
                break
        return found

    def attribute(self) -> bytes:
        code = self.random.choice(CODES)
        value = self.value()
        if code == 26 and self.often():
            vendor = self.random.choice((14988, 311, 14122, 14559, 9, 0, 2**24))
            inner = bytes((self.random.randrange(256), self.random.randrange(256)))
            value = (struct.pack("!I", vendor) + inner + value)[:253]
        if self.random.random() < 0.1:
            return wire.attribute(code, value, length=self.random.randrange(256))
        return wire.attribute(code, value)

    def value(self) -> bytes:
        dice = self.random.random()
        if dice < 0.4:
            return self.random.choice(WORDS)
        if dice < 0.7:
            return self.random.randbytes(4)
        return self.random.randbytes(self.random.choice((0, 1, 3, 5, 16, 18, 50, 253)))

    def broken(self, packet: bytes) -> bytes:
        """Break a packet after it was signed."""
        octets = bytearray(packet)
        match self.random.randrange(6):
            case 0:
                del octets[self.random.randrange(len(octets) + 1) :]
            case 1:
                octets[2:4] = struct.pack("!H", self.random.randrange(65536))
            case 2:
                octets[0] = self.random.randrange(256)
            case 3:
                octets += self.random.randbytes(self.random.randrange(200))
            case 4:
                octets[self.random.randrange(len(octets))] ^= 1
            case _:
                octets = bytearray(self.random.randbytes(self.random.randrange(600)))
        return bytes(octets)

    def often(self) -> bool:
        return self.random.random() < 0.7


@pytest.mark.parametrize("kind", ["access", "accounting"])
def test_the_server_stays_up_and_what_is_sound_is_still_served(
    kind: str, isp: Isp, nas_of: NasOf
) -> None:
    attacker, nas = nas_of(isp.stack), nas_of(isp.stack)
    free = isp.package(billing="free", sessions_allowed=99)
    victim = isp.customer(free)
    user = isp.customer(balance="1000")
    pids = {name: isp.stack.pid(name) for name in ("freeradius", "worker", "postgres")}
    parked = isp.one("SELECT count(*) FROM acct_parked")
    maker = Maker(SEED, [victim.encode(), b"nobody", b"", b"a\0b", b"\xff"])
    port = isp.stack.auth_port if kind == "access" else isp.stack.acct_port
    make = maker.access if kind == "access" else maker.accounting
    session = nas.start_session(nas.login(user, PASSWORD), up=1000, down=1000)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((attacker.address, 0))
        for number, packet in enumerate(maker.packets(PACKETS, make)):
            sock.sendto(packet, ("127.0.0.1", port))
            if number % BURST == 0:
                # To the other port as well: nothing there fits.
                other = isp.stack.acct_port + isp.stack.auth_port - port
                sock.sendto(packet, ("127.0.0.1", other))
                nas.advance(60)
                assert session.deliveries[-1].acknowledged
                method = ("pap", "chap", "mschapv2", "eap-md5")[number // BURST % 4]
                login = nas.login(
                    victim, PASSWORD, method=method, mac="02:00:00:00:05:01"
                )  # type: ignore[arg-type]
                assert login.accepted, login.reply_message
    session.stop()

    assert {name: isp.stack.pid(name) for name in pids} == pids
    assert all(delivery.acknowledged for delivery in session.deliveries)
    sent = len(session.deliveries)
    assert until(lambda: len(isp.events(user)) == sent)
    isp.folded()
    seen = isp.session(user)
    assert seen["session_seconds"] == session.session_seconds
    assert seen["output_octets"] == session.output_octets
    assert isp.posted(user) == 1000 - PACKETS // BURST
    assert isp.one("SELECT count(*) FROM acct_parked") == parked
    assert isp.errors() == []
    # It was not all dropped at the door.
    assert read_beyond_the_door(isp, attacker, kind) > PACKETS / 20


def read_beyond_the_door(isp: Isp, attacker: SimulatedNas, kind: str) -> int:
    """Count the odd packets that were sound enough to be decided or recorded."""
    table = "access_reject" if kind == "access" else "acct_event"
    query = f"SELECT count(*) FROM {table} JOIN nas USING (nas_id) WHERE address = %s"  # noqa: S608 - ours
    return int(isp.one(query, attacker.address))


def test_no_numbers_stop_the_worker_or_break_the_books(isp: Isp, nas_of: NasOf) -> None:
    """Sound packets of rated customers, with numbers that no NAS should send."""
    nas = nas_of(isp.stack)
    dice = random.Random(SEED)
    customers = [a_customer_on(isp, nas, **facts) for facts in PACKAGES]
    parked = isp.one("SELECT count(*) FROM acct_parked")

    def number(code: int, values: Sequence[int], odds: float = 1.0) -> bytes:
        if dice.random() > odds:
            return b""
        return wire.attribute(code, struct.pack("!I", dice.choice(values)))

    def packet() -> bytes:
        user, ours = dice.choice(customers)
        attributes = (
            number(40, (1, 2, 3, 3, 3))
            + wire.attribute(1, user.encode())
            + wire.attribute(44, dice.choice((b"a", b"b", b"c", b"81", b" ")))
            + number(46, ENDS, 0.7)  # Acct-Session-Time
            + number(42, ENDS, 0.7)  # Acct-Input-Octets
            + number(43, ENDS, 0.7)
            + number(52, GIGAWORDS, 0.3)
            + number(53, GIGAWORDS, 0.3)
            + number(55, TIMES, 0.4)  # Event-Timestamp
            + number(41, ENDS, 0.2)  # Acct-Delay-Time
        )
        for odds, value in ((0.5, ours), (0.2, dice.choice(customers)[1])):
            if dice.random() < odds:
                attributes += wire.attribute(25, value)
        return wire.accounting_request(KEY, attributes)

    for _ in range(NUMBERS):
        answer = wire.exchange(nas.address, isp.stack.acct_port, packet())
        assert answer is not None

    isp.folded()
    assert isp.one("SELECT count(*) FROM acct_parked") == parked
    assert sum(len(isp.events(user)) for user, _ in customers) == NUMBERS
    assert isp.errors() == []


def a_customer_on(isp: Isp, nas: SimulatedNas, **facts: Any) -> tuple[str, bytes]:
    """Log a customer in; return the username and the Class of the session."""
    package = isp.package(**facts)
    user = isp.customer(package, balance="1000")
    if facts.get("billing") == "package":
        isp.buy(user, package)
    class_value = nas.login(user, PASSWORD).class_value
    assert class_value is not None
    return user, class_value
