"""Start our own server once more, from the stack's rendered configuration, changed."""

import shutil
from pathlib import Path
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict

from bench.ports import free_udp_ports
from bench.servers import Server, give_to_server
from billing_core.stack import Stack
from billing_core.stack.layout import Layout

# The line of sites-enabled/khata that opens the session after the password was right.
_OPENS_SESSION = "\t\tkhata_open_session\n"


def decision_only_server(stack: Stack) -> Server:
    """Make a server that decides logins and opens no session: for the benchmark only.

    Nobody would want it in service: it takes no money and counts no session.
    """
    etc_dir, auth_port, acct_port = _copy(stack, "decision")
    site = etc_dir / "sites-enabled" / "khata"
    _replace_once(site, _OPENS_SESSION, "")
    give_to_server(etc_dir)
    return Server(
        "khata, decision only",
        etc_dir,
        auth_port=auth_port,
        acct_port=acct_port,
        secret=stack.radius_secret,
        environment=_environment(stack, stack.database_url),
    )


def server_on_database(stack: Stack, name: str, database: str, url: str) -> Server:
    """Make a server that works on another database of the stack's cluster."""
    etc_dir, auth_port, acct_port = _copy(stack, name)
    modules = etc_dir / "mods-enabled" / "sql"
    text = modules.read_text(encoding="utf-8")
    ours = "dbname=khata "
    assert ours in text, "freeradius/config/mods-enabled/sql.j2 names its database"
    modules.write_text(text.replace(ours, f"dbname={database} "), encoding="utf-8")
    give_to_server(etc_dir)
    return Server(
        f"khata on {database}",
        etc_dir,
        auth_port=auth_port,
        acct_port=acct_port,
        secret=stack.radius_secret,
        environment=_environment(stack, url),
    )


def _environment(stack: Stack, url: str) -> dict[str, str]:
    """Give what the stack gives its own server: the database by its unix socket."""
    parts = conninfo_to_dict(url)
    address = (
        f"postgresql://{parts['user']}:{parts['password']}@/{parts['dbname']}"
        f"?host={quote(str(Layout(stack.var).socket_directory), safe='')}"
        f"&port={parts['port']}"
    )
    return {
        **stack.environment,
        "KHATA_DATABASE_URL": address,
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _copy(stack: Stack, name: str) -> tuple[Path, int, int]:
    """Copy the rendered configuration, with ports and places of its own."""
    layout = Layout(stack.var)
    etc_dir = stack.var / f"bench-{name}"
    shutil.copytree(layout.freeradius, etc_dir)
    (etc_dir / "spool").mkdir()
    auth_port, acct_port = free_udp_ports(2)
    changes = {
        str(layout.freeradius): str(etc_dir),
        str(layout.spool): str(etc_dir / "spool"),
        str(layout.freeradius_run): str(etc_dir),
        str(layout.freeradius_log): str(etc_dir),
        f"port = {stack.auth_port}\n": f"port = {auth_port}\n",
        f"port = {stack.acct_port}\n": f"port = {acct_port}\n",
    }
    for file in etc_dir.rglob("*"):
        if file.is_file():
            text = file.read_text(encoding="utf-8")
            for old, new in changes.items():
                text = text.replace(old, new)
            file.write_text(text, encoding="utf-8")
    return etc_dir, auth_port, acct_port


def _replace_once(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{file} has changed: look for {old!r}"
    file.write_text(text.replace(old, new), encoding="utf-8")
