"""The command line of the benchmark."""

from collections.abc import Callable

import click
from rich.console import Console

from bench import results
from bench.measures import exhaust, flat, fold, intake, login, memory
from bench.people import Sizes
from bench.results import Result
from bench.site import Plan, Site, open_site

Measure = Callable[[Site], Result]

MEASURES: dict[str, Measure] = {
    "login": login.measure,
    "intake": intake.measure,
    "fold": fold.measure,
    "exhaust": exhaust.measure,
    "flat": flat.measure,
    "memory": memory.measure,
}
# These run beside the peers.
_WITH_PEERS = {"login", "authorize", "intake"}

_FULL = Plan(
    sizes=Sizes(100_000, 1_000_000, 40_000),
    rounds=5,
    login_requests=10_000,
    interim_requests=40_000,
    fold_events=120_000,
    exhausting=1000,
    memory_requests=200_000,
    flat_small=Sizes(10_000, 10_000, 0),
    flat_large=Sizes(1_000_000, 10_000_000, 0),
    threads=32,
    calm_seconds_max=120,
)
_QUICK = Plan(
    sizes=Sizes(10_000, 20_000, 4_000),
    rounds=3,
    login_requests=1_500,
    interim_requests=4_000,
    fold_events=8_000,
    exhausting=300,
    memory_requests=12_000,
    flat_small=Sizes(2_000, 2_000, 0),
    flat_large=Sizes(20_000, 100_000, 0),
    threads=32,
    calm_seconds_max=2,
)


@click.command()
@click.argument("measures", nargs=-1)
@click.option("--quick", is_flag=True)
def main(measures: tuple[str, ...], quick: bool) -> None:
    console = Console()
    plan = _QUICK if quick else _FULL
    done = []
    with open_site(plan, with_peers=True) as site:
        for name in measures:
            result = MEASURES[name](site)
            results.show(console, result)
            done.append(result)
