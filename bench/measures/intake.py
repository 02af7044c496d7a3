"""Interim updates recorded durably, rated by the worker at the same time."""

from functools import partial
from pathlib import Path

import psycopg

from bench.backlog import wait_until_empty
from bench.machine import Quiet
from bench.packets import interim, write_files
from bench.people import Sizes
from bench.radclient import Sent, send
from bench.results import Result, Series, at_least, at_most
from bench.servers import Server
from bench.site import Site
from bench.timed import timed


def measure(site: Site) -> Result:
    """Alternate ours, with the worker at work, and the peers, without it."""
    ours = Series("Khata: recorded, worker rating meanwhile", "acks/s")
    stock = Series("(a) stock rlm_sql", "acks/s")
    noop = Series("(b) no-op rlm_python3", "acks/s")
    drained = Series("Khata: backlog rated after the load's end", "s")
    cpu = Series("Khata: CPU, worker included", "µs/ack, all servers")
    stock_cpu = Series("(a) CPU", "µs/ack, all servers")
    busy: list[float] = []
    count = min(site.plan.interim_requests, site.sizes.running)
    with psycopg.connect(site.stack.database_url, autocommit=True) as conn:
        began = _began(conn, site.sizes)
        for number in range(1, site.plan.rounds + 1):
            files = interim_files(site, number, count, began)
            site.stack.stop("worker")
            for series, cpus, server in (
                (stock, stock_cpu, site.stock),
                (noop, None, site.noop),
            ):
                with server:
                    run = timed(site.stack, server.pid, partial(_send, files, server))
                series.values.append(run.sent.rate)
                busy.append(run.foreign)
                if cpus is not None:
                    cpus.values.append(run.cpu_us)
            site.stack.start("worker")
            pid = site.stack.pid("freeradius")
            assert pid is not None
            run = timed(site.stack, pid, partial(_send_to_us, files, site))
            ours.values.append(run.sent.rate)
            cpu.values.append(run.cpu_us)
            busy.append(run.foreign)
            drained.values.append(wait_until_empty(conn) - run.sent.ended_at)
        charges = _charges(conn)
    updated = _stock_updated(site)
    return Result(
        f"Interim updates ({count:,} running sessions)",
        [ours, stock, noop, drained, cpu, stock_cpu],
        [
            at_least("acknowledged : (a)", ours.median / stock.median, 1.0),
            at_most("backlog, seconds (worst run)", max(drained.values), 2.0),
        ],
        Quiet(tuple(busy)),
        [
            f"{count:,} updates a run, each of another session; half of the customers"
            " PPPoE daily (nothing to charge), half hotspot per session (each update"
            f" charges 5 minutes: {charges:,} ledger entries in all).",
            "Khata's worker runs only while Khata is measured. The peer's updates find"
            f" their rows ({updated:,} of {site.sizes.running:,} were updated).",
        ],
    )


def interim_files(site: Site, number: int, count: int, began: float) -> list[Path]:
    """Write one report of each of so many running sessions."""
    sizes = site.sizes
    return write_files(
        site.folder,
        "interim",
        range(sizes.free + 1, sizes.free + 1 + count),
        lambda customer: interim(
            customer, number, began=began, class_id=sizes.past_sessions + customer
        ),
    )


def _send(files: list[Path], server: Server) -> Sent:
    return _checked(send(files, server.acct_port, server.secret, kind="acct"))


def _send_to_us(files: list[Path], site: Site) -> Sent:
    stack = site.stack
    return _checked(send(files, stack.acct_port, stack.radius_secret, kind="acct"))


def _checked(sent: Sent) -> Sent:
    if sent.lost or sent.rejected:
        raise RuntimeError(f"not every packet was acknowledged: {sent}")
    return sent


def _began(conn: psycopg.Connection, sizes: Sizes) -> float:
    row = conn.execute(
        "SELECT extract(epoch FROM started_at) FROM acct_session"
        " WHERE customer_id = %s AND ended_at IS NULL",
        [sizes.free + 1],
    ).fetchone()
    assert row is not None
    return float(row[0])


def _charges(conn: psycopg.Connection) -> int:
    row = conn.execute(
        "SELECT count(*) FROM ledger_entry WHERE kind = 'session_charge'"
    ).fetchone()
    assert row is not None
    return int(row[0])


def _stock_updated(site: Site) -> int:
    with psycopg.connect(site.stock_url) as conn:
        row = conn.execute(
            "SELECT count(*) FROM radacct"
            " WHERE acctstoptime IS NULL AND acctsessiontime > 0"
        ).fetchone()
    assert row is not None
    return int(row[0])
