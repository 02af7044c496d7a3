"""Set everything up: our stack, its data, and the peers beside it on one cluster."""

import contextlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench import data, exhaust_data, payments_data
from bench.machine import wait_until_calm
from bench.peers import stock_data
from bench.peers.servers import noop_server, stock_server
from bench.people import Sizes
from bench.ports import free_udp_ports
from bench.servers import Server
from bench.variant import decision_only_server
from billing_core import stack
from billing_core.stack.layout import Layout

# The peers' servers want connections too.
_LOCAL_CONF = "max_connections = 300\n"
_LOCAL_NAS = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to set up, and how often to measure."""

    sizes: Sizes
    rounds: int
    login_requests: int
    interim_requests: int
    fold_events: int
    exhausting: int
    #: Suspended customers who pay at once, in each round.
    paying: int
    #: Monthly customers who are billed while others log in.
    billed_beside: int
    memory_requests: int
    flat_small: Sizes
    flat_large: Sizes
    threads: int
    #: How long to wait for what the loading left behind (checkpoints, vacuum).
    calm_seconds_max: float


@dataclass(frozen=True, slots=True)
class Site:
    """Everything that is measured."""

    plan: Plan
    stack: stack.Stack
    #: Where files of requests go.
    folder: Path
    decision: Server
    stock: Server
    stock_silent: Server
    noop: Server
    stock_url: str

    @property
    def sizes(self) -> Sizes:
        """How much data there is."""
        return self.plan.sizes


@contextlib.contextmanager
def open_site(plan: Plan, *, with_peers: bool) -> Iterator[Site]:
    """Make a stack with all its data, start it, and make the peers ready to start.

    Servers are started when they are measured: two at once would share the processors.
    """
    with stack.scratch_var("khata-bench-") as var:
        stock_url = _fill(var, plan, with_peers=with_peers)
        with stack.up(
            var,
            processes=("postgres", "freeradius", "worker"),
            max_threads=plan.threads,
        ) as running:
            folder = var / "bench"
            folder.mkdir()
            common = _peer_variables(running, stock_url, plan.threads)
            yield Site(
                plan,
                running,
                folder,
                decision_only_server(running),
                stock_server(var / "bench-stock", common()),
                stock_server(var / "bench-stock-silent", common(), logs_logins=False),
                noop_server(var / "bench-noop", common()),
                stock_url,
            )


def _fill(var: Path, plan: Plan, *, with_peers: bool) -> str:
    """Fill the databases before FreeRADIUS starts: it reads the NAS then."""
    stock_url = ""
    with stack.up(
        var, processes=("postgres",), max_threads=plan.threads, fast_init=True
    ) as running:
        local_conf = Layout(var).postgres / "local.conf"
        local_conf.write_text(_LOCAL_CONF, encoding="utf-8")
        local_conf.chmod(0o644)
        settings = running.settings
        with psycopg.connect(running.database_url) as conn:
            row = conn.execute(
                "SELECT nas_id FROM nas WHERE address = %s", (_LOCAL_NAS,)
            ).fetchone()
        assert row is not None
        data.fill(
            running.database_url,
            plan.sizes,
            secret_key=settings.secret_key,
            zone=settings.zone,
            nas_id=row[0],
        )
        exhaust_data.fill(
            running.database_url,
            plan.sizes,
            sessions=plan.exhausting * plan.rounds,
            secret_key=settings.secret_key,
            coa_port=free_udp_ports(1)[0],
        )
        payments_data.fill(
            running.database_url,
            payers=plan.paying * plan.rounds,
            secret_key=settings.secret_key,
            zone=settings.zone,
        )
        if with_peers:
            stock_url = stock_data.make_database(
                running.superuser_url, secrets.token_hex(16)
            )
            stock_data.fill(stock_url, plan.sizes)
        with psycopg.connect(running.superuser_url, autocommit=True) as conn:
            conn.execute("CHECKPOINT")
    wait_until_calm(plan.calm_seconds_max)
    return stock_url


def _peer_variables(
    running: stack.Stack, stock_url: str, threads: int
) -> Callable[[], dict[str, object]]:
    """Return a function that gives a peer its variables, with ports of its own."""
    password = stock_url.split(":")[2].split("@")[0] if stock_url else ""
    with psycopg.connect(running.database_url) as conn:
        port = conn.info.port

    def variables() -> dict[str, object]:
        auth_port, acct_port = free_udp_ports(2)
        return {
            "auth_port": auth_port,
            "acct_port": acct_port,
            "max_threads": threads,
            "database_host": Layout(running.var).socket_directory,
            "database_port": port,
            "database_name": stock_data.DATABASE,
            "database_user": stock_data.ROLE,
            "database_password": password,
        }

    return variables
