"""The command line of the benchmark."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import click
import psycopg
from rich.console import Console

from bench import machine, results
from bench.measures import (
    billing,
    billing_beside,
    exhaust,
    flat,
    fold,
    intake,
    login,
    memory,
    pages,
    payments,
)
from bench.people import Sizes
from bench.results import Result
from bench.site import Plan, Site, open_site
from billing_core import stack

#: In the order in which `all` runs them: each leaves what the next does not mind.
MEASURES: dict[str, Callable[[Site], Result]] = {
    "login": login.measure,
    "intake": intake.measure,
    "fold": fold.measure,
    "exhaust": exhaust.measure,
    "payments": payments.measure,
    "beside": billing_beside.measure,
    "memory": memory.measure,
    "flat": flat.measure,
}
_WITH_PEERS = {"login", "intake"}
#: Not part of `all`: on 1,000,000 customers, in databases of their own.
_ALONE: dict[str, Callable[..., Result]] = {
    "billing": billing.measure,
    "pages": pages.measure,
}

FULL = Plan(
    sizes=Sizes(100_000, 1_000_000, 40_000),
    rounds=5,
    login_requests=10_000,
    interim_requests=40_000,
    fold_events=120_000,
    exhausting=1_000,
    paying=1_000,
    billed_beside=150_000,
    memory_requests=200_000,
    flat_small=Sizes(10_000, 10_000, 0),
    flat_large=Sizes(1_000_000, 10_000_000, 0),
    threads=32,
    calm_seconds_max=120,
)
QUICK = Plan(
    sizes=Sizes(10_000, 20_000, 4_000),
    rounds=3,
    login_requests=1_500,
    interim_requests=4_000,
    fold_events=8_000,
    exhausting=300,
    paying=200,
    billed_beside=20_000,
    memory_requests=12_000,
    flat_small=Sizes(2_000, 2_000, 0),
    flat_large=Sizes(20_000, 100_000, 0),
    threads=32,
    calm_seconds_max=2,
)


def _read_sizes(_: click.Context, __: click.Parameter, value: str) -> tuple[int, ...]:
    """Read numbers with commas between them."""
    try:
        return tuple(int(part) for part in value.split(",") if part)
    except ValueError:
        raise click.BadParameter(f"{value} is no list of numbers.") from None


# What stands between these in a document is written anew by --into.
_FIGURES = re.compile(
    r"(?<=<!-- figures -->\n).*(?=<!-- end of figures -->)", re.DOTALL
)


@click.command()
@click.argument(
    "measures", nargs=-1, type=click.Choice([*MEASURES, "authorize", *_ALONE, "all"])
)
@click.option(
    "--quick", is_flag=True, help="Small data, few requests: to try the code."
)
@click.option("--customers", type=int, help="Customers in the database.")
@click.option("--past-sessions", type=int, help="Ended sessions in the database.")
@click.option("--rounds", type=int, help="How often each figure is measured.")
@click.option("--requests", type=int, help="Requests of the memory measure.")
@click.option("--flat-customers", type=int, help="Customers of the large database.")
@click.option(
    "--sizes",
    metavar="N,N…",
    default="",
    callback=_read_sizes,
    help="Customers of each database of pages: 100000,1000000.",
)
@click.option("--only", default="", help="Pages whose address has this in it.")
@click.option("--threads", type=int, help="FreeRADIUS threads, of every server.")
@click.option(
    "--into",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Markdown document whose figures are written anew.",
)
def main(
    measures: tuple[str, ...],
    quick: bool,
    customers: int | None,
    past_sessions: int | None,
    rounds: int | None,
    requests: int | None,
    flat_customers: int | None,
    sizes: tuple[int, ...],
    only: str,
    threads: int | None,
    into: Path | None,
) -> None:
    """Measure Khata against its peers; without MEASURES, all of them.

    authorize is part of login; billing and pages, on 1,000,000 customers, are not part
    of all.
    All servers and a PostgreSQL of their own run on this machine and are removed
    afterwards. Nothing else should run meanwhile.
    """
    plan = _sized(QUICK if quick else FULL, customers, past_sessions)
    plan = replace(
        plan,
        rounds=rounds or plan.rounds,
        memory_requests=requests or plan.memory_requests,
        threads=threads or plan.threads,
    )
    if flat_customers:
        plan = replace(plan, flat_large=Sizes(flat_customers, 10 * flat_customers, 0))
    console = Console()
    # Before the figures are written into the tree.
    commit = machine.commit()
    done: list[Result] = []

    def keep(result: Result, superuser_url: str) -> None:
        done.append(result)
        results.show(console, result)
        # At once: a later measure may fail, or be ended by a person.
        if into is not None:
            facts = machine.facts(_database_settings(superuser_url), commit)
            _write(into, results.markdown(done, facts))

    alone = _ALONE | {"pages": partial(pages.measure, sizes=sizes, only=only)}
    for name in filter(measures.__contains__, alone):
        count = customers or (20_000 if quick else 1_000_000)
        _alone(alone[name], console, plan, count, keep)
    if not measures or not set(measures) <= set(alone):
        names = _chosen(measures)
        with open_site(plan, with_peers=bool(_WITH_PEERS & set(names))) as site:
            for name in names:
                console.print(f"measuring {name} …", highlight=False)
                keep(MEASURES[name](site), site.stack.superuser_url)
    failed = [one for result in done for one in result.failed]
    if failed:
        raise click.ClickException("\n".join(["could not be measured:", *failed]))


def _alone(
    measure: Callable[..., Result],
    console: Console,
    plan: Plan,
    customers: int,
    keep: Callable[[Result, str], None],
) -> None:
    def say(news: str) -> None:
        console.print(news, highlight=False)

    rounds = min(plan.rounds, 3)
    with stack.scratch_var("khata-bench-") as var, stack.start_postgres_only(var) as pg:
        result = measure(pg, customers, rounds, plan.calm_seconds_max, say)
        keep(result, pg.superuser_url)


def _write(document: Path, figures: str) -> None:
    text = document.read_text(encoding="utf-8")
    document.write_text(_FIGURES.sub(lambda _: figures, text), encoding="utf-8")


def _chosen(measures: tuple[str, ...]) -> list[str]:
    wanted = {"login" if name == "authorize" else name for name in measures}
    if not wanted or "all" in wanted:
        return list(MEASURES)
    return [name for name in MEASURES if name in wanted]


def _sized(plan: Plan, customers: int | None, past_sessions: int | None) -> Plan:
    sizes = plan.sizes
    if customers:
        # Logins need customers of their own; two fifths have a session running.
        sizes = Sizes(customers, sizes.past_sessions, customers * 2 // 5)
    if past_sessions is not None:
        sizes = replace(sizes, past_sessions=past_sessions)
    per_run = (sizes.free - login.WARM_UP) // plan.rounds
    return replace(plan, sizes=sizes, login_requests=min(plan.login_requests, per_run))


def _database_settings(superuser_url: str) -> dict[str, str]:
    names = (
        "shared_buffers",
        "fsync",
        "synchronous_commit",
        "full_page_writes",
        "wal_compression",
        "max_wal_size",
    )
    with psycopg.connect(superuser_url) as conn:
        rows = conn.execute(
            "SELECT name, current_setting(name) FROM unnest(%s::text[]) AS name",
            [list(names)],
        ).fetchall()
    return {row[0]: row[1] for row in rows}
