"""`khata nas`: the network equipment that may ask."""

import ipaddress

import click

from billing_core.cli.context import at_desk
from billing_core.cli.output import as_plain, json_option, show, show_table
from billing_core.cli.units import Duration, read_secret
from billing_core.db.nas import NewNas, list_nas
from billing_core.services.nas import register_nas


@click.group()
def nas() -> None:
    """Register network equipment (NAS), and see what is registered."""


@nas.command("add")
@click.argument("name")
@click.argument("address")
@click.option("--secret", help="RADIUS shared secret; better: --secret-file.")
@click.option("--secret-file", help="File with the secret, '-' = standard input.")
@click.option(
    "--vendor",
    type=click.Choice(["mikrotik", "rfc", "coovachilli", "accel-ppp"]),
    default="mikrotik",
    show_default=True,
    help="Which attributes it understands.",
)
@click.option(
    "--coa-port",
    type=click.IntRange(1, 65535),
    default=3799,
    show_default=True,
    help="Where it takes Disconnect and CoA (RFC 5176).",
)
@click.option("--no-coa", is_flag=True, help="It takes neither Disconnect nor CoA.")
@click.option(
    "--disconnect-only", is_flag=True, help="It takes Disconnect, but no CoA-Request."
)
@click.option("--coa-address", help="Where CoA goes, if not to ADDRESS.")
@click.option("--coa-secret", help="Secret for CoA, if it differs.")
@click.option(
    "--identify-by",
    help="Attributes that identify a session in CoA, comma-separated.",
)
@click.option(
    "--no-event-timestamp", is_flag=True, help="Leave Event-Timestamp out of CoA."
)
@click.option(
    "--no-message-authenticator",
    is_flag=True,
    help="Leave Message-Authenticator out of CoA.",
)
@click.option(
    "--octets-swapped", is_flag=True, help="It reports upload as output octets."
)
@click.option(
    "--interim-interval",
    type=Duration(),
    default=300,
    show_default=True,
    help="How often it reports running sessions.",
)
def add(
    name: str,
    address: str,
    secret: str | None,
    secret_file: str | None,
    vendor: str,
    coa_port: int,
    no_coa: bool,
    disconnect_only: bool,
    coa_address: str | None,
    coa_secret: str | None,
    identify_by: str | None,
    no_event_timestamp: bool,
    no_message_authenticator: bool,
    octets_swapped: bool,
    interim_interval: int,
) -> None:
    """Register the NAS called NAME whose packets come from ADDRESS."""
    _check_address(address)
    if coa_address is not None:
        _check_address(coa_address)
    new = NewNas(
        name=name,
        address=address,
        secret=read_secret(secret, secret_file, "Shared secret"),
        vendor=vendor,
        coa_address=coa_address,
        coa_port=None if no_coa else coa_port,
        coa_secret=coa_secret,
        accepts_coa=not (no_coa or disconnect_only),
        coa_event_timestamp=not no_event_timestamp,
        coa_message_authenticator=not no_message_authenticator,
        coa_identification=_names(identify_by) if identify_by else None,
        octets_swapped=octets_swapped,
        interim_interval_seconds=interim_interval,
    )
    with at_desk() as desk:
        nas_id = register_nas(desk.conn, new, actor=desk.actor, now=desk.now)
    click.echo(f"NAS {name} ({address}) is registered as number {nas_id}.")


@nas.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the NAS; secrets are not shown."""
    with at_desk() as desk:
        rows = [as_plain(row, desk.settings.zone) for row in list_nas(desk.conn)]
        for row in rows:
            row.pop("secret")
            row.pop("coa_secret")
        if as_json:
            show(rows, desk.settings.zone)
        else:
            show_table(
                rows,
                ("nas_id", "name", "address", "vendor", "coa_port", "accepts_coa"),
                desk.settings.zone,
                empty="No NAS yet: khata nas add NAME ADDRESS",
            )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


def _check_address(address: str) -> None:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise click.UsageError(f"{address} is no IP address") from None
