"""Make and run a private PostgreSQL cluster, and the database that Khata lives in."""

import contextlib
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from billing_core.stack.errors import StackError
from billing_core.stack.identities import Identity
from billing_core.stack.layout import Layout, write_file
from billing_core.stack.programs import last_lines, log_tail, run_as

DATABASE = "khata"
ROLE = "khata"
SUPERUSER = "postgres"
START_SECONDS_MAX = 60.0

#: Written anew at each start. Durability is not negotiable here: an acknowledged
#: accounting packet is money (RFC 2866 §4.2: respond only after recording).
CONFIGURATION = """\
# Written by `khata up` at each start. Your own settings belong into local.conf.
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{socket_directory}'
password_encryption = 'scram-sha-256'
fsync = on
synchronous_commit = on
full_page_writes = on
# The first change of a page after a checkpoint writes the whole page into the WAL: with
# a million customers, one or two at each login. `on` (pglz) spent 110 us more on them.
wal_compression = lz4
max_wal_size = '2GB'
shared_buffers = '{shared_buffers_mb}MB'
max_connections = {max_connections}
random_page_cost = 1.1
# Statements here are short: compiling them costs more than it saves.
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %q%u@%d '
log_lock_waits = on
include_if_exists = 'local.conf'
"""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A private cluster: where it is, who runs it and how it is reached."""

    layout: Layout
    bin: Path
    identity: Identity
    port: int
    superuser_password: str
    max_connections: int = 120

    @property
    def superuser_url(self) -> str:
        """Address of the cluster for its superuser."""
        return self._url(SUPERUSER, self.superuser_password, "postgres")

    def app_url(self, password: str) -> str:
        """Address of Khata's database for Khata's role."""
        return self._url(ROLE, password, DATABASE)

    def through_socket(self, url: str) -> str:
        """Give the same address by the cluster's unix socket, for processes here."""
        tcp = f"@127.0.0.1:{self.port}/"
        host = quote(str(self.layout.socket_directory), safe="")
        return url.replace(tcp, "@/", 1) + f"?host={host}&port={self.port}"

    def _url(self, user: str, password: str, database: str) -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"


def made_by_version(layout: Layout) -> int | None:
    """Say which PostgreSQL made the cluster, if there is one."""
    with contextlib.suppress(OSError, ValueError):
        text = (layout.postgres / "PG_VERSION").read_text(encoding="ascii")
        return int(text.strip())
    return None


def initialise(cluster: Cluster, *, fast: bool) -> None:
    """Make the cluster's files, unless they are there; half-made ones are made anew.

    `fast` leaves out waiting for the disk: for tests, whose cluster is thrown away.
    """
    data = cluster.layout.postgres
    if (data / "PG_VERSION").exists():
        return
    if any(data.iterdir()):  # initdb writes PG_VERSION early, but was killed before
        raise StackError(
            f"{data} is neither empty nor a database.",
            "Move away what is in it, then run `khata up` again.",
        )
    with tempfile.NamedTemporaryFile("w", prefix="khata-") as password:
        password.write(cluster.superuser_password)
        password.flush()
        if cluster.identity.is_switch:
            os.chown(password.name, cluster.identity.uid, cluster.identity.gid)
        command = [
            str(cluster.bin / "initdb"),
            f"--pgdata={data}",
            f"--username={SUPERUSER}",
            f"--pwfile={password.name}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--data-checksums",
            *(["--no-sync"] if fast else []),
        ]
        made = run_as(cluster.identity, command, directory=cluster.layout.var)
    if made.returncode != 0:
        # initdb removes what it made; what it said tells why.
        raise StackError(
            f"initdb could not make a database in {data}:\n{last_lines(made.stderr)}",
            "Mend the cause it names, then run `khata up` again.",
        )


def configure(cluster: Cluster) -> None:
    """Write the settings that belong to this start, and include them."""
    data = cluster.layout.postgres
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    text = CONFIGURATION.format(
        port=cluster.port,
        socket_directory=cluster.layout.socket_directory,
        max_connections=cluster.max_connections,
        shared_buffers_mb=max(128, min(1024, memory // 8)),
    )
    write_file(data / "khata.conf", text, 0o644)
    main = data / "postgresql.conf"
    include = "include = 'khata.conf'"
    existing = main.read_text(encoding="utf-8")
    if include not in existing.splitlines():
        with main.open("a", encoding="utf-8") as file:
            file.write(f"\n{include}\n")


def remove_stale_pid_file(cluster: Cluster) -> None:
    """Remove a postmaster.pid whose process is not the server of this cluster.

    After a crash the pid may be another program's by now; PostgreSQL then refuses to
    start. A server of this cluster works in its data directory: that tells them apart.
    """
    pid_file = cluster.layout.postgres / "postmaster.pid"
    if pid_file.exists() and postmaster_pid(cluster.layout) is None:
        pid_file.unlink(missing_ok=True)


def postmaster_pid(layout: Layout) -> int | None:
    """Return the pid of the server that works in the data directory, if one does."""
    try:
        lines = (layout.postgres / "postmaster.pid").read_text(encoding="utf-8")
        pid = int(lines.splitlines()[0])
        works_in = os.readlink(f"/proc/{pid}/cwd")
    except (OSError, ValueError, IndexError):
        return None
    return pid if works_in == str(layout.postgres.resolve()) else None


def command(cluster: Cluster) -> list[str]:
    """Name the command that runs the server in the foreground."""
    return [str(cluster.bin / "postgres"), "-D", str(cluster.layout.postgres)]


def wait_until_ready(cluster: Cluster, is_running: Callable[[], bool]) -> None:
    """Wait until the server answers, and make sure that it is ours."""
    end = time.monotonic() + START_SECONDS_MAX
    while not answers(cluster):
        if time.monotonic() > end or not is_running():
            log = cluster.layout.log / "postgres.log"
            raise StackError(
                "PostgreSQL does not start.", f"The end of {log}:\n{log_tail(log)}"
            )
        time.sleep(0.05)
    make_sure_it_is_ours(cluster)


def make_sure_it_is_ours(cluster: Cluster) -> None:
    """Refuse to work on another cluster that happens to answer on our port."""
    with psycopg.connect(cluster.superuser_url, connect_timeout=5) as conn:
        row = conn.execute("SHOW data_directory").fetchone()
    if row is None or row[0] != str(cluster.layout.postgres):
        raise StackError(
            f"Another PostgreSQL answers on port {cluster.port}.",
            "Run `khata down` and `khata up`: a free port is found then.",
        )


def make_database(cluster: Cluster, password: str, *, may_create: bool) -> None:
    """Make Khata's role and database, or bring the role's password in line.

    `may_create` lets the role make more databases: for tests, which copy a template.
    """
    with psycopg.connect(cluster.superuser_url, autocommit=True) as conn:
        role = sql.Identifier(ROLE)
        known = conn.execute(
            "SELECT 1 FROM pg_roles WHERE rolname = %s", (ROLE,)
        ).fetchone()
        statement = "ALTER ROLE" if known else "CREATE ROLE"
        conn.execute(
            sql.SQL(statement + " {} LOGIN {} PASSWORD {}").format(
                role,
                sql.SQL("CREATEDB" if may_create else "NOCREATEDB"),
                sql.Literal(password),
            )
        )
        found = conn.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)
        ).fetchone()
        if not found:
            database = sql.Identifier(DATABASE)
            conn.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, role))
            conn.execute(
                sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database)
            )


def answers(cluster: Cluster) -> bool:
    """Tell whether the server takes connections."""
    try:
        with psycopg.connect(cluster.superuser_url, connect_timeout=5):
            return True
    except psycopg.OperationalError:
        return False
