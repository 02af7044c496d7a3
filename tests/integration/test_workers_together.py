"""Workers side by side, killed and fed with rubbish: nothing lost, nothing twice."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest

from billing_core.db.connect import Connection, connect
from billing_core.services.accounting import fold_intake
from billing_core.settings import Settings
from billing_core.worker.folding import fold_or_park, run_folding
from tests.builders import (
    KEY,
    NOON,
    Packets,
    a_customer,
    a_nas,
    a_package,
    at_once,
    audited,
    fold,
    posted,
    record,
    rows,
    username_of,
)

LANES = range(16)
# Long enough for any machine; nothing is measured.
PATIENCE_SECONDS = 60


def customers(conn: Connection, count: int) -> list[tuple[int, Packets]]:
    package, nas_id = a_package(conn), a_nas(conn)
    ids = [a_customer(conn, package, balance="100") for _ in range(count)]
    return [(i, Packets(username_of(conn, i), nas_id)) for i in ids]


def waiting(conn: Connection) -> int:
    return int(rows(conn, "SELECT count(*) FROM acct_intake")[0][0])


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.01)


def drain(conn: Connection) -> int:
    """Fold as a worker does until nothing waits; returns how many packets."""
    folded = 0
    while waiting(conn):
        folded += fold_intake(conn, NOON, lanes=LANES, limit=20).events
    return folded


def test_workers_at_once_fold_every_packet_once(
    conn: Connection, database_url: str
) -> None:
    served = customers(conn, 12)
    for _, p in served:
        record(conn, p.start(), *(p.interim(60 * n) for n in range(1, 6)), p.stop(300))

    folded = at_once(database_url, [drain] * 3)

    assert sum(n for n in folded if isinstance(n, int)) == 12 * 7
    for customer_id, _ in served:
        assert posted(conn, customer_id) == Decimal("95.00")
    assert rows(conn, "SELECT count(*), sum(gross) FROM bill") == [
        (12, Decimal("60.00"))
    ]
    assert rows(conn, "SELECT count(*) FROM acct_event") == [(84,)]
    assert audited(conn) == []


def test_a_lane_that_another_holds_is_left_to_him(
    conn: Connection, database_url: str
) -> None:
    ((customer_id, p),) = customers(conn, 1)
    record(conn, p.interim(60))
    with connect(database_url, application="tests") as other, other.transaction():
        assert fold_intake(other, NOON, lanes=LANES, limit=10).events == 1
        assert fold_intake(conn, NOON, lanes=LANES, limit=10).events == 0
    assert waiting(conn) == 0
    assert posted(conn, customer_id) == Decimal("99.00")


def test_a_worker_killed_in_mid_batch_leaves_everything_to_the_next(
    conn: Connection, database_url: str
) -> None:
    served = customers(conn, 5)
    for _, p in served:
        record(conn, p.start(), p.interim(60), p.stop(120))
    ended: list[BaseException] = []

    def fold_and_die() -> None:
        with connect(database_url, application="victim") as own:
            try:
                fold_intake(own, NOON, lanes=LANES, limit=100)
            except psycopg.OperationalError as error:
                ended.append(error)

    last = served[-1][0]
    victim = threading.Thread(target=fold_and_die)
    blocked = (
        "SELECT pid FROM pg_stat_activity"
        " WHERE application_name = 'khata-victim' AND wait_event_type = 'Lock'"
    )
    with connect(database_url, application="tests") as holder, holder.transaction():
        # The batch waits for the last wallet: all of it is under way.
        holder.execute("SELECT FROM wallet WHERE customer_id = %s FOR UPDATE", [last])
        victim.start()
        wait_until(lambda: bool(rows(conn, blocked)))
        conn.execute("SELECT pg_terminate_backend(%s)", rows(conn, blocked)[0])
        victim.join(PATIENCE_SECONDS)

    assert len(ended) == 1
    assert waiting(conn) == 15
    fold(conn)
    for customer_id, _ in served:
        assert posted(conn, customer_id) == Decimal("98.00")
    assert audited(conn) == []


@contextmanager
def a_worker(database_url: str, tmp_path: Path) -> Iterator[None]:
    """The real loop, as the worker's process runs it."""
    stop = threading.Event()
    settings = Settings(
        database_url=database_url,
        secret_key=KEY,
        currency="BDT",
        zone=ZoneInfo("Asia/Dhaka"),
        var_dir=tmp_path,
        web_host="127.0.0.1",
        web_port=1,
        log_level="INFO",
    )
    loop = threading.Thread(target=run_folding, args=(settings, stop))
    loop.start()
    try:
        yield
    finally:
        stop.set()
        loop.join(PATIENCE_SECONDS)
        assert not loop.is_alive()


def test_workers_whose_connections_are_cut_over_and_over_lose_nothing(
    conn: Connection, database_url: str, tmp_path: Path
) -> None:
    served = customers(conn, 6)
    cut = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'khata-folding' AND datname = current_database()"
    )
    killed = 0
    with a_worker(database_url, tmp_path), a_worker(database_url, tmp_path):
        for minute in range(1, 6):
            for _, p in served:
                record(conn, p.interim(60 * minute), p.interim(60 * minute))
            wait_until(lambda: bool(rows(conn, cut)))
            killed += 1
        record(conn, *(p.stop(300) for _, p in served))
        wait_until(lambda: waiting(conn) == 0)

    assert killed == 5
    for customer_id, _ in served:
        assert posted(conn, customer_id) == Decimal("95.00")
    assert rows(conn, "SELECT count(*), sum(gross) FROM bill") == [
        (6, Decimal("30.00"))
    ]
    assert rows(conn, "SELECT count(*) FROM acct_parked") == [(0,)]
    assert audited(conn) == []


# What no packet can do any more, as far as we know: make the database refuse it.
POISON = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'poison';
END $$;
CREATE TRIGGER poison BEFORE INSERT ON acct_event
    FOR EACH ROW WHEN (NEW.session_seconds = 90) EXECUTE FUNCTION refuse();
"""


@pytest.mark.parametrize("workers", [1, 3])
def test_a_packet_that_breaks_the_fold_is_parked_alone(
    conn: Connection, database_url: str, workers: int
) -> None:
    conn.execute(POISON)
    served = customers(conn, 8)
    for _, p in served:
        record(conn, p.start(), p.interim(60), p.interim(90), p.stop(120))

    def work(own: Connection) -> None:
        while waiting(own):
            fold_or_park(own, LANES)

    assert at_once(database_url, [work] * workers) == [None] * workers

    assert rows(
        conn,
        "SELECT count(*), bool_and(packet->>'session_seconds' = '90') FROM acct_parked",
    ) == [(8, True)]
    for (error,) in rows(conn, "SELECT error FROM acct_parked"):
        assert "poison" in error
    for customer_id, _ in served:
        assert posted(conn, customer_id) == Decimal("98.00")
    assert rows(conn, "SELECT count(*) FROM acct_event") == [(24,)]
    assert audited(conn) == []


@pytest.mark.parametrize(
    "odd",
    [
        {"class_value": "k1.zzzzzzzzzzzzz"},
        {"class_value": "=6B=31=2E=FF"},
        {"acct_session_id": ""},
        {"acct_session_id": "x" * 253},
        {"event_epoch": 2**62},
        {"event_epoch": -1},
        {"session_seconds": 2**32 - 1},
        {"session_seconds": None, "input_octets": None, "output_octets": None},
        {"terminate_cause": "=00"},
        {"calling_station_id": "02:00:00:00:00:01=00"},
        {"framed_ip": ""},
        {"nas_ip": ""},
        {"nas_ip": "2001:db8::1"},
        {"framed_ipv6": "2001:db8::/56 =E0=A6=95"},
        {"nas_id": 10**6},
        {"username": "=00=FF"},
        {"username": "=ZZ="},
        {"status_type": "15"},
        {"status_type": ""},
    ],
    ids=lambda odd: " ".join(odd),
)
def test_what_is_merely_odd_is_folded_not_parked(
    conn: Connection, odd: dict[str, object]
) -> None:
    ((_, p),) = customers(conn, 1)
    record(conn, p.interim(60) | odd, p.interim(120))
    while waiting(conn):
        fold_or_park(conn, LANES)
    assert rows(conn, "SELECT error FROM acct_parked") == []
    assert rows(conn, "SELECT count(*) FROM acct_event WHERE event_id > 0") == [(2,)]


def test_packets_of_one_customer_are_folded_in_the_order_they_came(
    conn: Connection, database_url: str
) -> None:
    """Lanes keep one customer with one worker at a time."""
    ((customer_id, p),) = customers(conn, 1)
    record(conn, p.start(), *(p.interim(n * 60) for n in range(1, 30)), p.stop(1800))

    def small_steps(own: Connection) -> None:
        while waiting(own):
            fold_intake(own, NOON + timedelta(hours=1), lanes=LANES, limit=3)

    assert at_once(database_url, [small_steps] * 3) == [None] * 3
    assert posted(conn, customer_id) == Decimal("70.00")
    assert rows(conn, "SELECT count(*) FROM acct_session") == [(1,)]
