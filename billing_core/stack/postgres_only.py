"""Run a private PostgreSQL alone, for tests and measurements."""

import contextlib
import ctypes
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from billing_core.stack import cluster as clusters
from billing_core.stack.cluster import Cluster
from billing_core.stack.identities import postgres_identity, server_identity
from billing_core.stack.layout import Layout, make_directories, make_directory
from billing_core.stack.packages import find_postgres
from billing_core.stack.ports import choose_ports
from billing_core.stack.secret_files import server_secret, superuser_password

STOP_SECONDS_MAX = 60
PR_SET_PDEATHSIG = 1


class Postgres:
    """A running PostgreSQL that ends with this process."""

    def __init__(self, cluster: Cluster, password: str) -> None:
        self._cluster = cluster
        self._process: subprocess.Popen[bytes] | None = None
        #: Address of an empty database, as the role that owns it and may make more.
        self.url = cluster.app_url(password)
        self.superuser_url = cluster.superuser_url
        self.port = cluster.port

    def start(self) -> None:
        """Start the server and wait until it answers."""
        clusters.remove_stale_pid_file(self._cluster)
        identity = self._cluster.identity
        log = self._cluster.layout.log / "postgres.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                clusters.command(self._cluster),
                cwd=self._cluster.layout.postgres.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                user=identity.uid if identity.is_switch else None,
                group=identity.gid if identity.is_switch else None,
                extra_groups=identity.groups if identity.is_switch else None,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )
        clusters.wait_until_ready(self._cluster, self._is_running)

    def stop(self) -> None:
        """Stop the server in order; connections are cut."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End the server as a crash would."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(STOP_SECONDS_MAX)
            self._process = None

    def _is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


# For who throws the data away with the test: nothing waits for the disk.
_NOT_DURABLE = """\
fsync = off
synchronous_commit = off
full_page_writes = off
"""


def start_postgres_only(var: Path, *, durable: bool = True) -> Postgres:
    """Make and start a PostgreSQL under a var directory, on a free port.

    The database is empty; its role may make databases from a template of its own.
    """
    layout = Layout(var.resolve())
    identity, server = postgres_identity(), server_identity()
    make_directories(layout, identity, server)
    bin_directory, _ = find_postgres(clusters.made_by_version(layout))
    ports, _ = choose_ports({}, {}, "127.0.0.1", usual=False)
    cluster = Cluster(
        layout, bin_directory, identity, ports["postgres"], superuser_password(layout)
    )
    password = server_secret(layout, "database_password", server)
    clusters.initialise(cluster, fast=True)
    clusters.configure(cluster)
    if not durable:
        local = layout.postgres / "local.conf"
        local.write_text(_NOT_DURABLE, encoding="ascii")
        local.chmod(0o644)
    postgres = Postgres(cluster, password)
    postgres.start()
    clusters.make_database(cluster, password, may_create=True)
    return postgres


@contextlib.contextmanager
def scratch_var(prefix: str = "khata-") -> Iterator[Path]:
    """Make a var directory that the servers' users can reach; remove it at the end.

    Temporary directories are for their owner only, and servers do not run as root.
    """
    place = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        make_directory(place, 0o755)
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
        shutil.rmtree(Layout(place).socket_directory, ignore_errors=True)


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)
