"""Tell where a stack listens and how its processes are."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from billing_core.stack import control
from billing_core.stack.errors import StackError
from billing_core.stack.layout import ADMIN_USERNAME, Layout
from billing_core.stack.state import read_state

LOCAL_NAS = """
SELECT secret, host(COALESCE(coa_address, address)) AS coa_address, coa_port,
       COALESCE(coa_secret, secret) AS coa_secret
  FROM nas WHERE address = '127.0.0.1'
"""


def stack_status(var: Path) -> dict[str, Any]:
    """Describe a stack, whether it runs or not; it must have been started once."""
    layout = Layout(var.resolve())
    if not layout.state.exists():
        raise StackError(
            f"There is no stack in {layout.var} yet.",
            "`khata up` makes and starts one.",
        )
    state = read_state(layout.state)
    ports = state.ports
    is_running = control.supervisor_pid(layout.run) is not None
    database_url = _secret(layout, "database_url")
    processes = [
        asdict(control.process_state(layout.run, name)) for name in state.processes
    ]
    nas = _local_nas(database_url) if is_running else None
    return {
        "running": is_running
        and all(process["state"] == "running" for process in processes),
        "var": str(layout.var),
        "config": str(layout.config),
        "log": str(layout.log),
        "database_url": database_url,
        "radius": {
            "address": state.listen,
            "auth_port": ports["auth"],
            "acct_port": ports["acct"],
            "secret": nas["secret"] if nas else _secret(layout, "radius_secret"),
            "database_away": state.database_away,
            "database_away_minutes": state.database_away_minutes,
        },
        # Where CoA and Disconnect for the NAS on this machine go.
        "coa": {
            "address": nas["coa_address"] if nas else "127.0.0.1",
            "port": nas["coa_port"] if nas else None,
            "secret": nas["coa_secret"] if nas else None,
        },
        "web_url": f"http://127.0.0.1:{ports['web']}/",
        "admin": {
            "username": ADMIN_USERNAME,
            "password_file": str(layout.secrets / "admin_password"),
        },
        "processes": processes,
    }


def _secret(layout: Layout, name: str) -> str:
    path = layout.secrets / name
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise StackError(
            f"{path}: {error.strerror}.",
            "Run the command as the one who started the stack (or root).",
        ) from error


def _local_nas(database_url: str) -> dict[str, Any] | None:
    try:
        with psycopg.connect(
            database_url, connect_timeout=3, row_factory=dict_row
        ) as conn:
            return conn.execute(LOCAL_NAS).fetchone()
    except psycopg.Error:  # status must answer while the database is away
        return None
