"""Whether a login costs the same with a hundred times the customers."""

import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg
from psycopg import sql

from bench import data
from bench.machine import Quiet, wait_until_calm
from bench.measures.login import WARM_UP
from bench.packets import login, write_files
from bench.people import Sizes
from bench.radclient import Sent, send
from bench.results import Result, Series, at_most
from bench.servers import Server
from bench.site import Site
from bench.timed import Timed, timed
from bench.variant import server_on_database
from billing_core.migrations import migrate
from billing_core.stack.cluster import ROLE

#: Rows, indexes and WAL of one customer with ten past sessions.
_OCTETS_PER_SESSION = 1_000
_OCTETS_PER_CUSTOMER = 6_000
#: A step that is prime to the number of customers spreads logins over all of them.
_STRIDE = 7919


@dataclass(frozen=True, slots=True)
class _Side:
    sizes: Sizes
    url: str
    server: Server
    rate: Series
    cpu: Series


def measure(site: Site) -> Result:
    """Fill two databases and alternate logins between them."""
    small = _side(site, "khata_small", site.plan.flat_small)
    large = _side(site, "khata_large", site.plan.flat_large)
    # Gigabytes that were just loaded are not to be written out beside the logins.
    with psycopg.connect(site.stack.superuser_url, autocommit=True) as conn:
        conn.execute("CHECKPOINT")
    wait_until_calm(site.plan.calm_seconds_max)
    busy: list[float] = []
    # No customer twice in a turn.
    count = min(site.plan.login_requests, site.plan.flat_small.customers - WARM_UP)
    # The first round warms caches, and does not count.
    for number in range(site.plan.rounds + 1):
        for side in (small, large):
            run = _turn(site, side, number, count)
            if number:
                side.rate.values.append(run.sent.rate)
                side.cpu.values.append(run.cpu_us)
                busy.append(run.foreign)
    size = _megabytes(large.url)
    for side in (small, large):
        _drop(site, side)
    return Result(
        "Flat: the same login with many more customers and past sessions",
        [small.rate, large.rate, small.cpu, large.cpu],
        [
            at_most(
                "rate lost from small to large",
                1 - large.rate.median / small.rate.median,
                0.15,
            )
        ],
        Quiet(tuple(busy)),
        [
            f"{count:,} logins a run, spread over all customers; what they opened is"
            f" removed between runs. The large database has {size:,} MB.",
        ],
    )


def _turn(site: Site, side: _Side, number: int, count: int) -> Timed:
    """Start the server for its turn: an idle one beside it would not be idle."""
    warm_up = _logins(site.folder, "flat-warm", side.sizes, number, WARM_UP)
    files = _logins(site.folder, "flat", side.sizes, number, count, after=WARM_UP)
    with side.server:
        _send(side.server, warm_up)
        run = timed(site.stack, side.server.pid, partial(_send, side.server, files))
    _forget_logins(side.url)
    return run


def _side(site: Site, database: str, sizes: Sizes) -> _Side:
    needed = (
        sizes.customers * _OCTETS_PER_CUSTOMER
        + sizes.past_sessions * _OCTETS_PER_SESSION
    )
    free = shutil.disk_usage(site.stack.var).free
    if free < 2 * needed:
        raise RuntimeError(
            f"{sizes.customers:,} customers and {sizes.past_sessions:,} sessions need"
            f" {needed / 1e9:.0f} GB and as much again to work in;"
            f" {free / 1e9:.0f} GB are free at {site.stack.var}"
        )
    settings = site.stack.settings
    url = site.stack.database_url.rsplit("/", 1)[0] + f"/{database}"
    with psycopg.connect(site.stack.superuser_url, autocommit=True) as conn:
        conn.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(
                sql.Identifier(database), sql.Identifier(ROLE)
            )
        )
    migrate(url)
    with psycopg.connect(url) as conn:
        conn.execute(
            "INSERT INTO installation (currency, zone) VALUES (%s, %s)",
            (settings.currency, settings.zone.key),
        )
    _copy_nas(site.stack.database_url, url)
    # The local NAS has the same number everywhere: packets are told by it.
    data.fill(
        url,
        sizes,
        secret_key=settings.secret_key,
        zone=settings.zone,
        nas_id=_local_nas(url),
    )
    label = f"{sizes.customers:,} customers, {sizes.past_sessions:,} past sessions"
    return _Side(
        sizes,
        url,
        server_on_database(site.stack, database, database, url),
        Series(label, "logins/s"),
        Series(f"{label}: CPU", "µs/login, all servers"),
    )


def _copy_nas(source_url: str, target_url: str) -> None:
    with psycopg.connect(source_url) as source, psycopg.connect(target_url) as target:
        rows = source.execute(
            "SELECT nas_id, name, host(address), secret, coa_identification FROM nas"
        ).fetchall()
        with target.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO nas (nas_id, name, address, secret, coa_identification)"
                " VALUES (%s, %s, %s, %s, %s)",
                rows,
            )


def _local_nas(url: str) -> int:
    with psycopg.connect(url) as conn:
        row = conn.execute(
            "SELECT nas_id FROM nas WHERE address = '127.0.0.1'"
        ).fetchone()
    assert row is not None
    return int(row[0])


def _logins(
    folder: Path, name: str, sizes: Sizes, turn: int, count: int, *, after: int = 0
) -> list[Path]:
    """Write a turn's logins, each of another customer, beside those before them."""
    first = turn * sizes.customers // 8 + after
    numbers = (
        1 + (first + position) * _STRIDE % sizes.customers for position in range(count)
    )
    return write_files(
        folder, name, numbers, lambda number: login(number, f"6{number:07x}")
    )


def _send(server: Server, files: list[Path]) -> Sent:
    sent = send(files, server.auth_port, server.secret, kind="auth")
    if sent.rejected or sent.lost:
        raise RuntimeError(f"not all logins were accepted: {sent}")
    return sent


def _forget_logins(url: str) -> None:
    """Remove what the logins opened, so that the next round finds the same data."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("DELETE FROM acct_session WHERE ended_at IS NULL")
        conn.execute("DELETE FROM reservation")
        conn.execute("UPDATE wallet SET reserved = 0 WHERE reserved <> 0")
        conn.execute("VACUUM acct_session, reservation, wallet")


def _megabytes(url: str) -> int:
    with psycopg.connect(url) as conn:
        row = conn.execute(
            "SELECT pg_database_size(current_database()) / 1000000"
        ).fetchone()
    assert row is not None
    return int(row[0])


def _drop(site: Site, side: _Side) -> None:
    name = side.url.rsplit("/", 1)[1]
    with psycopg.connect(site.stack.superuser_url, autocommit=True) as conn:
        conn.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
