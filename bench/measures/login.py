"""Accepted PAP logins: ours, ours without opening a session, and the peers."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg

from bench.machine import Quiet
from bench.packets import login, write_files
from bench.radclient import Sent, send
from bench.results import Result, Series, at_least
from bench.site import Site
from bench.timed import Timed, timed

WARM_UP = 500
_SPREAD, _PRIME = 7919, 15_485_863


@dataclass(slots=True)
class _Contender:
    rates: Series
    cpu: Series

    def add(self, run: Timed) -> None:
        self.rates.values.append(run.sent.rate)
        self.cpu.values.append(run.cpu_us)


def measure(site: Site) -> Result:
    """Alternate the servers, round after round, each with the same customers."""
    ours = _contender("Khata: authorize + session opened durably")
    stock = _contender("(a) stock rlm_sql + sqlcounter, logins logged")
    silent = _contender("(a) without its log of logins")
    decision = _contender("Khata: authorize decision alone")
    noop = _contender("(b) no-op rlm_python3")
    peers = [
        (decision, site.decision),
        (stock, site.stock),
        (silent, site.stock_silent),
        (noop, site.noop),
    ]
    busy: list[float] = []
    customers = iter(_in_no_order(site.sizes.free))
    # Decisions come first in a round: a customer of whom a session is open is not the
    # same question any more.
    warm_up = _files(site, "warm", customers, WARM_UP)
    _send(warm_up, site.stack.auth_port, site.stack.radius_secret)
    opened_before = _opened(site)
    accepted = 0
    for number in range(site.plan.rounds):
        _settle(site)
        files = _files(site, f"login-{number}", customers, site.plan.login_requests)
        for contender, server in peers:
            with server:
                _send(warm_up, server.auth_port, server.secret)
                run = _run(site, server.pid, files, server.auth_port, server.secret)
            contender.add(run)
            busy.append(run.foreign)
        pid = site.stack.pid("freeradius")
        assert pid is not None
        run = _run(site, pid, files, site.stack.auth_port, site.stack.radius_secret)
        ours.add(run)
        busy.append(run.foreign)
        accepted += run.sent.accepted
    opened = _opened(site) - opened_before
    if opened != accepted:
        raise RuntimeError(f"{accepted} logins were accepted, {opened} sessions opened")
    all_ = (ours, stock, silent, decision, noop)
    stock_rate, decision_rate = stock.rates.median, decision.rates.median
    return Result(
        f"Logins (PAP, accepted; {site.sizes.customers:,} customers,"
        f" {site.sizes.past_sessions:,} past sessions)",
        [*(c.rates for c in all_), *(c.cpu for c in all_)],
        [
            at_least("login : (a)", ours.rates.median / stock_rate, 1.5),
            at_least("decision : (a)", decision_rate / stock_rate, 2.5),
            at_least("decision : (b)", decision_rate / noop.rates.median, 0.5),
        ],
        Quiet(tuple(busy)),
        [
            f"{site.plan.login_requests:,} logins a run, each of another customer, in"
            " no order; half of the customers are PPPoE daily with today charged, half"
            " hotspot per session (money is held).",
            f"Each of the {accepted:,} logins that Khata accepted opened its session.",
        ],
    )


def _settle(site: Site) -> None:
    """Clear up after the round before: nobody is to pay for what another left."""
    for url in (site.stack.database_url, site.stock_url):
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("VACUUM ANALYZE")
    with psycopg.connect(site.stack.superuser_url, autocommit=True) as conn:
        conn.execute("CHECKPOINT")


def _contender(label: str) -> _Contender:
    return _Contender(
        Series(label, "logins/s"), Series(f"{label}: CPU", "µs/login, all servers")
    )


def _run(site: Site, pid: int, files: list[Path], port: int, secret: str) -> Timed:
    return timed(site.stack, pid, partial(_send, files, port, secret))


def _in_no_order(count: int) -> list[int]:
    """Give the numbers 1 to count, so that neighbours in the tables are far apart."""
    return sorted(range(1, count + 1), key=lambda number: number * _SPREAD % _PRIME)


def _send(files: list[Path], port: int, secret: str) -> Sent:
    sent = send(files, port, secret, kind="auth")
    if sent.rejected or sent.lost:
        raise RuntimeError(f"not all logins were accepted: {sent}")
    return sent


def _files(site: Site, name: str, customers: Iterator[int], count: int) -> list[Path]:
    numbers = [number for number, _ in zip(customers, range(count), strict=False)]
    if len(numbers) < count:
        raise RuntimeError("there are too few customers for so many logins")
    return write_files(
        site.folder, name, numbers, lambda number: login(number, f"6{number:07x}")
    )


def _opened(site: Site) -> int:
    with psycopg.connect(site.stack.database_url) as conn:
        row = conn.execute(
            "SELECT count(*) FROM acct_session WHERE state = 'opening'"
        ).fetchone()
    assert row is not None
    return int(row[0])
