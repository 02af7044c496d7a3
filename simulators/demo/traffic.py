"""Who is and was on the demo's network: packets of a fortnight, logins of today."""

import random
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from billing_core.db.connect import Connection
from simulators.demo.scene import PASSWORD, Scene
from simulators.demo.town import Neighbour
from simulators.nas import LoginResult

_DAYS = 14
_ONLINE, _REFUSED = 60, 8
_AT_ONCE = 4
_COLUMNS = (
    "nas_id, status_type, username, acct_session_id, class_value, event_epoch,"
    " delay_seconds, session_seconds, input_octets, output_octets, input_gigawords,"
    " output_gigawords, terminate_cause, nas_ip, nas_identifier, nas_port_id,"
    " calling_station_id, called_station_id, framed_ip, framed_ipv6, received_at"
)
_WRAP = 1 << 32


def record_a_fortnight(
    conn: Connection, people: Sequence[Neighbour], nas_id: int, *, now: datetime
) -> int:
    """Write what a NAS would have reported of who pays regularly; returns packets.

    As FreeRADIUS writes them, one row a packet; the worker folds them as any other.
    """
    dice = random.Random("khata traffic")
    count = 0
    with (
        conn.cursor() as cursor,
        cursor.copy(f"COPY acct_intake ({_COLUMNS}) FROM STDIN") as copy,
    ):
        for packet in _packets(dice, people, nas_id, now):
            copy.write_row(packet)
            count += 1
    return count


def _packets(
    dice: random.Random, people: Sequence[Neighbour], nas_id: int, now: datetime
) -> Iterator[tuple[object, ...]]:
    for number, one in enumerate(people):
        if one.is_on_hotspot or one.stops_at or one.pays_after_days > _DAYS // 2:
            continue
        for days_ago in range(_DAYS, 0, -1):
            start = now - timedelta(days=days_ago, minutes=dice.randint(0, 300))
            if start < one.joined_at:
                continue
            seconds = dice.randint(1800, 8 * 3600)
            down = seconds * dice.randint(20_000, 500_000)
            up = down // dice.randint(6, 15)
            name = f"d{number:03d}{days_ago:02d}"
            stop = start + timedelta(seconds=seconds)
            yield _packet(nas_id, one, number, name, "Start", start, 0, 0, 0)
            yield _packet(nas_id, one, number, name, "Stop", stop, seconds, up, down)


def _packet(
    nas_id: int,
    one: Neighbour,
    number: int,
    name: str,
    status: str,
    at: datetime,
    seconds: int,
    up: int,
    down: int,
) -> tuple[object, ...]:
    return (
        nas_id, status, one.username, name, "", int(at.timestamp()),
        0, seconds, up % _WRAP, down % _WRAP, up // _WRAP,
        down // _WRAP, "User-Request" if status == "Stop" else "", "127.0.0.11",
        "demo-pppoe", "ether1", mac_of(number), "", _address(number), "", at,
    )  # fmt: skip


def log_in_today(
    scene: Scene, people: Sequence[Neighbour], statuses: Mapping[str, str]
) -> tuple[int, int]:
    """Log customers in with real packets; returns how many came in and how many not.

    The active come on the network; the suspended, a stranger and who mistypes do not.
    """
    homes = [(n, one) for n, one in enumerate(people) if not one.is_on_hotspot]
    active = [pair for pair in homes if statuses[pair[1].username] == "active"]
    suspended = [pair for pair in homes if statuses[pair[1].username] == "suspended"]
    tries = [
        *((one.username, PASSWORD, n) for n, one in active[:_ONLINE]),
        *((one.username, PASSWORD, n) for n, one in suspended[:_REFUSED]),
        *((one.username, "mistyped", n) for n, one in active[-3:]),
        ("nobody@demo", "guessed", len(people)),
    ]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        results = list(pool.map(lambda one: _try(scene, *one), tries))
    came_in = sum(login.outcome.name == "ACCEPT" for login in results)
    return came_in, len(results) - came_in


def _try(scene: Scene, username: str, password: str, number: int) -> LoginResult:
    login = scene.pppoe.login(username, password, method="chap", mac=mac_of(number))
    if login.outcome.name == "ACCEPT":
        scene.pppoe.start_session(login, up=50_000 + number, down=400_000 + number)
    return login


def mac_of(number: int) -> str:
    """Give a customer's router, the same one each time."""
    return f"02:DE:30:00:{number >> 8:02X}:{number & 255:02X}"


def _address(number: int) -> str:
    return f"10.20.{number >> 8}.{number & 255}"
