"""`khata session`: who is online, who was refused, and why."""

import click

from billing_core.cli.context import at_desk
from billing_core.cli.output import json_option, limit_option, show, show_table
from billing_core.db import reports
from billing_core.db.customers import find_customer_id
from billing_core.db.outbox import list_outbox
from billing_core.db.sessions import find_session_customer
from billing_core.services import sessions

_SESSION_COLUMNS = (
    "session_id",
    "username",
    "state",
    "nas",
    "framed_ip",
    "calling_station_id",
    "started_at",
    "session_seconds",
    "input_octets",
    "output_octets",
    "charged",
)


@click.group()
def session() -> None:
    """See and end sessions; see rejected logins."""


@session.command("list")
@click.option("--username", help="Of one customer only.")
@click.option("--all", "everything", is_flag=True, help="Ended sessions too.")
@click.option("--rejected", is_flag=True, help="Rejected logins instead.")
@limit_option
@json_option
def list_(
    username: str | None, everything: bool, rejected: bool, limit: int, as_json: bool
) -> None:
    """List running sessions, newest first."""
    with at_desk() as desk:
        zone = desk.settings.zone
        if rejected:
            rejects = reports.list_rejects(desk.conn, username=username, limit=limit)
            unknown = [] if username else reports.list_unknown_nas(desk.conn, limit=10)
            if as_json:
                show(
                    [
                        *rejects,
                        *(
                            {
                                "rejected_at": row.last_seen_at,
                                "username": "",
                                "reason": "UNKNOWN_NAS",
                                "nas": row.address,
                                "calling_station_id": "",
                                "packets": row.packets,
                            }
                            for row in unknown
                        ),
                    ],
                    zone,
                )
                return
            columns = ("rejected_at", "username", "reason", "nas", "calling_station_id")
            show_table(rejects, columns, zone, empty="No rejected logins.")
            for row in unknown:
                click.echo(
                    f"UNKNOWN_NAS: {row.packets} packet(s) from {row.address}, which is"
                    f" no NAS of ours: khata nas add NAME {row.address}"
                )
            return
        customer_id = find_customer_id(desk.conn, username) if username else None
        rows = reports.list_sessions(
            desk.conn, customer_id=customer_id, running=not everything, limit=limit
        )
        if as_json:
            show(rows, zone)
            return
        show_table(rows, _SESSION_COLUMNS, zone, empty="Nobody is online.")


@session.command("show")
@click.argument("session_id", type=int)
@json_option
def show_(session_id: int, as_json: bool) -> None:
    """Show a session and what was asked of its NAS."""
    with at_desk() as desk:
        customer_id = find_session_customer(desk.conn, session_id)
        (found,) = reports.list_sessions(
            desk.conn,
            customer_id=customer_id,
            session_id=session_id,
            running=False,
            limit=1,
        )
        asked = list_outbox(
            desk.conn, username=found.username, session_id=session_id, limit=1000
        )
        show({"session": found, "asked_of_nas": asked}, desk.settings.zone)


@session.command("coa")
@click.option("--username", help="Of one customer only.")
@limit_option
@json_option
def coa(username: str | None, limit: int, as_json: bool) -> None:
    """List Disconnect and CoA requests and what the NAS answered."""
    with at_desk() as desk:
        if username is not None:
            find_customer_id(desk.conn, username)
        rows = list_outbox(desk.conn, username=username, limit=limit)
        if as_json:
            show(rows, desk.settings.zone)
            return
        columns = (
            "outbox_id",
            "created_at",
            "username",
            "nas",
            "kind",
            "reason",
            "state",
            "outcome",
            "error_cause",
            "attempts",
        )
        show_table(rows, columns, desk.settings.zone, empty="Nothing was asked yet.")


@session.command("disconnect")
@click.argument("session_id", type=int)
def disconnect(session_id: int) -> None:
    """Put SESSION_ID off the network."""
    with at_desk() as desk:
        customer_id = find_session_customer(desk.conn, session_id)
        sessions.disconnect(
            desk.conn, customer_id, session_id, actor=desk.actor, now=desk.now
        )
    click.echo(f"The NAS is being asked to end session {session_id}.")


@session.command("rebuild")
@click.argument("session_id", type=int)
@json_option
def rebuild(session_id: int, as_json: bool) -> None:
    """Fold SESSION_ID again from its packets, and charge what that shows missing."""
    with at_desk() as desk:
        customer_id = find_session_customer(desk.conn, session_id)
        done = sessions.rebuild(desk.conn, customer_id, session_id, desk.now)
        if as_json:
            show(done, desk.settings.zone)
        else:
            click.echo(
                f"Session {session_id} from {done.packets} packets:"
                f" {done.seconds_before} → {done.seconds_after} s,"
                f" {done.octets_before} → {done.octets_after} octets,"
                f" charged {done.charged_before} → {done.charged_after}."
            )
