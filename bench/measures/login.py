"""Accepted PAP logins: ours, ours without opening a session, and the peers."""

from collections.abc import Iterator
from pathlib import Path

import psycopg

from bench.machine import Quiet, foreign_busy
from bench.packets import login, write_files
from bench.radclient import Sent, send
from bench.results import Result, Series, at_least
from bench.servers import Server
from bench.site import Site

_WARM_UP = 500
_UNIT = "logins/s"


def measure(site: Site) -> Result:
    """Alternate the servers, round after round, each with the same customers."""
    ours = Series("Khata: authorize + session opened durably", _UNIT)
    stock = Series("(a) stock rlm_sql + sqlcounter, logins logged", _UNIT)
    silent = Series("(a) without its log of logins", _UNIT)
    decision = Series("Khata: authorize decision alone", _UNIT)
    noop = Series("(b) no-op rlm_python3", _UNIT)
    peers = [
        (decision, site.decision),
        (stock, site.stock),
        (silent, site.stock_silent),
        (noop, site.noop),
    ]
    busy: list[float] = []
    customers = iter(range(1, site.sizes.free + 1))
    # Decisions come first in a round: a customer of whom a session is open is not the
    # same question any more.
    warm_up = _files(site, "warm", customers, _WARM_UP)
    _send(warm_up, site.stack.auth_port, site.stack.radius_secret)
    opened_before = _opened(site)
    accepted = 0
    for number in range(site.plan.rounds):
        files = _files(site, f"login-{number}", customers, site.plan.login_requests)
        for series, server in peers:
            busy.append(_measure(series, server, files, warm_up))
        busy.append(foreign_busy())
        sent = _send(files, site.stack.auth_port, site.stack.radius_secret)
        ours.values.append(sent.rate)
        accepted += sent.accepted
    opened = _opened(site) - opened_before
    if opened != accepted:
        raise RuntimeError(f"{accepted} logins were accepted, {opened} sessions opened")
    return Result(
        f"Logins (PAP, accepted; {site.sizes.customers:,} customers,"
        f" {site.sizes.past_sessions:,} past sessions)",
        [ours, stock, silent, decision, noop],
        [
            at_least("login : (a)", ours.median / stock.median, 1.5),
            at_least("decision : (a)", decision.median / stock.median, 2.5),
            at_least("decision : (b)", decision.median / noop.median, 0.5),
        ],
        Quiet(tuple(busy)),
        [
            f"{site.plan.login_requests:,} logins a run, each of another customer; half"
            " of the customers are PPPoE daily with today charged, half hotspot per"
            " session (money is held).",
            f"Each of the {accepted:,} logins that Khata accepted opened its session.",
        ],
    )


def _measure(
    series: Series, server: Server, files: list[Path], warm_up: list[Path]
) -> float:
    with server:
        _send(warm_up, server.auth_port, server.secret)
        busy = foreign_busy()
        series.values.append(_send(files, server.auth_port, server.secret).rate)
    return busy


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
