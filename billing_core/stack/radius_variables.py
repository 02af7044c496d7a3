"""Say what FreeRADIUS' configuration templates may use, and nothing else."""

from collections.abc import Sequence

from billing_core.db.nas import NasTraits
from billing_core.settings import Settings
from billing_core.stack.cluster import DATABASE, ROLE
from billing_core.stack.packages import DICTIONARY_DIR, LIB_DIR, RADDB_DIR
from billing_core.stack.secret_files import server_secret
from billing_core.stack.state import State
from billing_core.stack.surroundings import Surroundings


def radius_variables(
    around: Surroundings,
    state: State,
    settings: Settings,
    clients: Sequence[NasTraits],
) -> dict[str, object]:
    """Return the variables for the templates of freeradius/config."""
    layout, server = around.layout, around.server
    return {
        "etc_dir": layout.freeradius,
        "run_dir": layout.freeradius_run,
        "log_dir": layout.freeradius_log,
        "spool_dir": layout.spool,
        "raddb_dir": RADDB_DIR,
        "dictionary_dir": DICTIONARY_DIR,
        "lib_dir": LIB_DIR,
        "listen_address": state.listen,
        "listen_address_ipv6": "",
        "auth_port": state.ports["auth"],
        "acct_port": state.ports["acct"],
        # The process is started as its user already: there is nobody to become.
        "user": "",
        "group": "",
        "python_path": around.code.python_path,
        "code_dir": around.code.code,
        "database_host": layout.socket_directory,
        "database_tcp_host": "127.0.0.1",
        "database_port": state.ports["postgres"],
        "database_name": DATABASE,
        "database_user": ROLE,
        "database_password": server_secret(layout, "database_password", server),
        "secret_key_file": layout.secrets / "secret_key",
        "settings_file": layout.config,
        "max_threads": state.max_threads,
        "database_away": state.database_away,
        "database_away_minutes": state.database_away_minutes,
        "currency": settings.currency,
        "zone": settings.zone.key,
        # Known at once, even when the database is away at FreeRADIUS' next start;
        # a NAS that is added later is looked up when it first speaks.
        "clients": [
            {"nas_id": nas.nas_id, "address": nas.address, "secret": nas.secret}
            for nas in clients
        ],
        "local_nas_secret": around.radius_secret,
        "status_secret": around.radius_secret,
    }
