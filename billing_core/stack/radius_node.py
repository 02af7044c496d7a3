"""Prepare a FreeRADIUS that runs by itself, beside others, under systemd."""

import os
import re
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from billing_core.db.connect import connect
from billing_core.db.nas import NasTraits, list_nas
from billing_core.settings import Settings
from billing_core.stack import radius
from billing_core.stack.code_home import reachable_code_home
from billing_core.stack.errors import StackError
from billing_core.stack.identities import Identity, server_identity
from billing_core.stack.layout import Layout, make_directory
from billing_core.stack.packages import (
    embedded_python,
    find_freeradius,
    refuse_wrong_python,
)
from billing_core.stack.programs import BASE_ENVIRONMENT
from billing_core.stack.radius_variables import (
    DatabaseAddress,
    RadiusNode,
    radius_variables,
)
from billing_core.stack.secret_files import server_secret

# Of these and no others: they stand in a quoted string of FreeRADIUS' configuration,
# where $ and \ are no letters, and in one of libpq's.
_PLAIN = re.compile(r"[A-Za-z0-9_.,:/@%+*~!?=-]*")
#: Said by the templates themselves.
_OURS = ("options", "connect_timeout")
_NAMED = ("host", "port", "dbname", "user", "password")


def prepare_node(
    settings: Settings,
    settings_file: Path | None,
    *,
    listen: str,
    listen_ipv6: str,
    auth_port: int,
    acct_port: int,
    max_threads: int,
    database_away: str,
    database_away_minutes: int,
) -> tuple[list[str], str]:
    """Write a node's configuration; return its command, and what to warn of.

    Without the database the NAS of the last time are kept: the server must start, and
    spools what it is told.
    """
    server = server_identity()
    refuse_wrong_python(embedded_python())
    program, _ = find_freeradius()
    layout = Layout(settings.var_dir)
    _make_places(layout, server)
    clients, warning = _clients(settings, layout)
    node = RadiusNode(
        layout,
        database_address(settings.database_url),
        reachable_code_home(server).python_path,
        settings_file,
        auth_port,
        acct_port,
        listen,
        server_secret(layout, "radius_secret", server),
        listen_ipv6,
        max_threads,
        database_away,
        database_away_minutes,
    )
    if clients is not None:
        radius.render(layout.freeradius, radius_variables(node, clients), server)
        ours = {k: v for k, v in os.environ.items() if k.startswith("KHATA_")}
        radius.check(program, layout.freeradius, server, BASE_ENVIRONMENT | ours)
    return radius.command(program, layout.freeradius), warning


def database_address(database_url: str) -> DatabaseAddress:
    """Read an address in libpq's words; what FreeRADIUS cannot be told is refused."""
    told = {
        key: str(value)
        for key, value in conninfo_to_dict(database_url).items()
        if key not in _OURS
    }
    for key, value in told.items():
        if not _PLAIN.fullmatch(value):
            raise StackError(
                f"FreeRADIUS cannot be told the {key} of database_url: it has signs"
                " other than letters, digits and _.,:/@%+*~!?=-",
                f"Give the database role a {key} without them.",
            )
    user = told.get("user", "khata")
    return DatabaseAddress(
        told.get("host", "/var/run/postgresql"),
        told.get("port", "5432"),
        told.get("dbname", user),
        user,
        told.get("password", ""),
        "".join(f" {key}={value}" for key, value in told.items() if key not in _NAMED),
    )


def _make_places(layout: Layout, server: Identity) -> None:
    layout.var.mkdir(parents=True, exist_ok=True)
    for path in (layout.run, layout.log):
        make_directory(path, 0o755)
    for path in (layout.secrets, layout.freeradius):
        make_directory(path, 0o750, group=server.gid)
    for path in (layout.freeradius_run, layout.freeradius_log):
        make_directory(path, 0o750, server.uid, server.gid)
    make_directory(layout.spool, 0o700, server.uid, server.gid)


def _clients(settings: Settings, layout: Layout) -> tuple[list[NasTraits] | None, str]:
    """Return the NAS to know from the start; None = keep what was written before."""
    try:
        with connect(
            settings.database_url, application="radius", connect_timeout_seconds=3
        ) as conn:
            return list_nas(conn), ""
    except psycopg.OperationalError as error:
        if (layout.freeradius / "clients.conf").exists():
            return None, f"The database does not answer; nothing was changed: {error}"
        return [], f"The database does not answer; no NAS is known yet: {error}"
