"""`khata package`: what is on sale."""

from decimal import Decimal

import click

from billing_core.cli.context import at_desk
from billing_core.cli.output import json_option, show, show_table
from billing_core.cli.units import Amount, Duration, Octets, Rate, RateLimit
from billing_core.db.packages import (
    NewPackage,
    find_package,
    list_packages,
)
from billing_core.services.packages import put_on_sale, set_withdrawn


@click.group()
def package() -> None:
    """Put packages on sale, and see what is on sale."""


@package.command("add")
@click.argument("name")
@click.option(
    "--billing",
    required=True,
    type=click.Choice(["daily", "monthly", "package", "per-session", "free"]),
    help="daily: PPPoE prepaid, a charge and a bill a day. monthly: a bill a cycle, as"
    " the customer's billing profile says. package: hotspot time or"
    " data that is bought. per-session: hotspot by minute or MB. free: no money.",
)
@click.option(
    "--price", type=Amount(), default="0", help="Price of one validity or cycle."
)
@click.option("--validity", type=Duration(), help="How long the price buys, e.g. 30d.")
@click.option(
    "--validity-from",
    type=click.Choice(["purchase", "first-use"]),
    help="When a hotspot package's validity starts.",
)
@click.option("--quota-time", type=Duration(), help="Online time in a package.")
@click.option("--quota-data", type=Octets(), help="Data in a package, e.g. 5GB.")
@click.option("--setup-fee", type=Amount(), default="0", help="Per session.")
@click.option("--per-minute", type=Rate(), default="0", help="Price of a minute.")
@click.option("--per-mb", type=Rate(), default="0", help="Price of 10^6 octets.")
@click.option(
    "--increment", type=Duration(), default="1s", help="Time counts in these."
)
@click.option(
    "--data-increment", type=Octets(), default="1", help="Data counts in these."
)
@click.option(
    "--minimum", type=Amount(), default="0", help="Least charge of a session."
)
@click.option("--free-time", type=Duration(), default="0", help="Not charged at first.")
@click.option("--vat", type=Rate(), default="0", help="VAT in percent.")
@click.option(
    "--vat-exclusive", is_flag=True, help="VAT is added to prices, not in them."
)
@click.option("--rate", type=RateLimit(), help="Rate limit UP/DOWN, e.g. 5M/10M.")
@click.option(
    "--fair-use",
    type=Octets(),
    help="Data in a cycle at full rate, e.g. 300GB (daily, monthly, free).",
)
@click.option(
    "--fair-use-rate",
    type=RateLimit(),
    help="Rate limit UP/DOWN beyond it, e.g. 1M/2M.",
)
@click.option("--pool", help="Address pool on the NAS (Framed-Pool).")
@click.option("--sessions", type=click.IntRange(1), default=1, help="At the same time.")
@click.option("--interim-interval", type=Duration(), help="At least 60s.")
@click.option("--idle-timeout", type=Duration(), help="Ends idle sessions.")
def add(
    name: str,
    billing: str,
    price: Decimal,
    validity: int | None,
    validity_from: str | None,
    quota_time: int | None,
    quota_data: int | None,
    setup_fee: Decimal,
    per_minute: Decimal,
    per_mb: Decimal,
    increment: int,
    data_increment: int,
    minimum: Decimal,
    free_time: int,
    vat: Decimal,
    vat_exclusive: bool,
    rate: tuple[int, int] | None,
    fair_use: int | None,
    fair_use_rate: tuple[int, int] | None,
    pool: str | None,
    sessions: int,
    interim_interval: int | None,
    idle_timeout: int | None,
) -> None:
    """Put the package NAME on sale."""
    new = NewPackage(
        name=name,
        billing=billing.replace("-", "_"),
        price=price,
        validity_seconds=validity,
        validity_from=validity_from.replace("-", "_") if validity_from else None,
        quota_seconds=quota_time,
        quota_octets=quota_data,
        setup_fee=setup_fee,
        price_per_minute=per_minute,
        price_per_mb=per_mb,
        increment_seconds=increment,
        increment_octets=data_increment,
        minimum_charge=minimum,
        free_seconds=free_time,
        vat_percent=vat,
        vat_inclusive=not vat_exclusive,
        rate_up_bps=rate[0] if rate else None,
        rate_down_bps=rate[1] if rate else None,
        fair_use_octets=fair_use,
        fair_use_rate_up_bps=fair_use_rate[0] if fair_use_rate else None,
        fair_use_rate_down_bps=fair_use_rate[1] if fair_use_rate else None,
        framed_pool=pool,
        sessions_allowed=sessions,
        interim_interval_seconds=interim_interval,
        idle_timeout_seconds=idle_timeout,
    )
    with at_desk() as desk:
        package_id = put_on_sale(desk.conn, new, actor=desk.actor, now=desk.now)
    click.echo(f"Package {name} is on sale as number {package_id}.")


@package.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the packages."""
    with at_desk() as desk:
        rows = list_packages(desk.conn)
        if as_json:
            show(rows, desk.settings.zone)
        else:
            show_table(
                rows,
                ("package_id", "name", "billing", "price", "sessions_allowed"),
                desk.settings.zone,
                empty="No package yet: khata package add NAME --billing …",
            )


@package.command("show")
@click.argument("name")
@json_option
def show_(name: str, as_json: bool) -> None:
    """Show everything about the package NAME."""
    with at_desk() as desk:
        show(find_package(desk.conn, name), desk.settings.zone)


@package.command("withdraw")
@click.argument("name")
@click.option("--undo", is_flag=True, help="Sell it again.")
def withdraw(name: str, undo: bool) -> None:
    """Sell the package NAME no more; who has it keeps it."""
    with at_desk() as desk:
        changed = set_withdrawn(
            desk.conn, name, is_withdrawn=not undo, actor=desk.actor, now=desk.now
        )
    state = "is sold again" if undo else "is not sold any more"
    click.echo(f"Package {name} {state}." if changed else f"{name}: it was so already.")
