"""Say what FreeRADIUS' configuration templates may use, and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from billing_core.db.nas import NasTraits
from billing_core.stack.cluster import DATABASE, ROLE
from billing_core.stack.layout import Layout
from billing_core.stack.packages import LIB_DIR, RADDB_DIR
from billing_core.stack.secret_files import server_secret
from billing_core.stack.state import State
from billing_core.stack.surroundings import Surroundings


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """Where rlm_sql finds PostgreSQL, in the words of libpq."""

    host: str
    port: str
    name: str
    user: str
    password: str
    #: Whatever else the address says: " sslmode=verify-full", or nothing.
    more: str = ""


@dataclass(frozen=True, slots=True)
class RadiusNode:
    """One FreeRADIUS: where it listens, what it asks, where its files are."""

    layout: Layout
    database: DatabaseAddress
    python_path: str
    #: khata.toml; None = the environment says it all.
    settings_file: Path | None
    auth_port: int
    acct_port: int
    listen: str
    #: Of Status-Server probes from this machine.
    local_secret: str
    listen_ipv6: str = ""
    max_threads: int = 32
    database_away: str = "reject"
    database_away_minutes: int = 60


def embedded_node(around: Surroundings, state: State) -> RadiusNode:
    """Describe the FreeRADIUS of the embedded stack."""
    layout = around.layout
    return RadiusNode(
        layout,
        DatabaseAddress(
            # Over the socket: TCP through loopback costs the kernel more.
            str(layout.socket_directory),
            str(state.ports["postgres"]),
            DATABASE,
            ROLE,
            server_secret(layout, "database_password", around.server),
        ),
        around.code.python_path,
        layout.config,
        state.ports["auth"],
        state.ports["acct"],
        state.listen,
        around.radius_secret,
        max_threads=state.max_threads,
        database_away=state.database_away,
        database_away_minutes=state.database_away_minutes,
    )


def radius_variables(
    node: RadiusNode, clients: Sequence[NasTraits]
) -> dict[str, object]:
    """Return the variables for the templates of freeradius/config."""
    layout, database = node.layout, node.database
    return {
        "etc_dir": layout.freeradius,
        "run_dir": layout.freeradius_run,
        "log_dir": layout.freeradius_log,
        "spool_dir": layout.spool,
        "raddb_dir": RADDB_DIR,
        "lib_dir": LIB_DIR,
        "listen_address": node.listen,
        "listen_address_ipv6": node.listen_ipv6,
        "auth_port": node.auth_port,
        "acct_port": node.acct_port,
        # The process is started as its user already: there is nobody to become.
        "user": "",
        "group": "",
        "python_path": node.python_path,
        "database_host": database.host,
        "database_port": database.port,
        "database_name": database.name,
        "database_user": database.user,
        "database_password": database.password,
        "database_more": database.more,
        "settings_file": node.settings_file or "",
        "max_threads": node.max_threads,
        "database_away": node.database_away,
        "database_away_minutes": node.database_away_minutes,
        # Known at once, even when the database is away at FreeRADIUS' next start;
        # a NAS that is added later is looked up when it first speaks.
        "clients": [
            {"nas_id": nas.nas_id, "address": nas.address, "secret": nas.secret}
            for nas in clients
        ],
        "local_nas_secret": node.local_secret,
    }
