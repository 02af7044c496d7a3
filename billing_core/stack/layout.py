"""Say where everything of one stack lives, and make those places with their owners."""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from billing_core.stack.errors import StackError
from billing_core.stack.identities import Identity

#: The checkout (or installation) that this code is part of.
REPOSITORY = Path(__file__).resolve().parents[2]

#: The first operator; his password stands in secrets/admin_password.
ADMIN_USERNAME = "admin"

#: sockaddr_un holds 108 octets with the final NUL; PostgreSQL appends its file name.
SOCKET_DIRECTORY_LENGTH_MAX = 107 - len("/.s.PGSQL.65535.lock")


@dataclass(frozen=True, slots=True)
class Layout:
    """The places below one var directory."""

    var: Path

    @property
    def postgres(self) -> Path:
        """PostgreSQL's data directory."""
        return self.var / "postgres"

    @property
    def freeradius(self) -> Path:
        """The rendered FreeRADIUS configuration."""
        return self.var / "freeradius"

    @property
    def run(self) -> Path:
        """Pid files, holds and specifications of processes."""
        return self.var / "run"

    @property
    def freeradius_run(self) -> Path:
        """Where FreeRADIUS itself may write at run time."""
        return self.run / "freeradius"

    @property
    def socket_directory(self) -> Path:
        """PostgreSQL's unix socket; elsewhere when this path is too long for one."""
        inside = self.run / "postgresql"
        if len(os.fsencode(inside)) <= SOCKET_DIRECTORY_LENGTH_MAX:
            return inside
        key = hashlib.sha256(os.fsencode(self.var)).hexdigest()[:16]
        return Path("/tmp") / f"khata-{key}"  # noqa: S108 - ownership is checked

    @property
    def log(self) -> Path:
        """One log file a process."""
        return self.var / "log"

    @property
    def freeradius_log(self) -> Path:
        """Where FreeRADIUS itself may write logs."""
        return self.log / "freeradius"

    @property
    def spool(self) -> Path:
        """Accounting packets that wait for the database."""
        return self.var / "spool"

    @property
    def secrets(self) -> Path:
        """One secret a file."""
        return self.var / "secrets"

    @property
    def config(self) -> Path:
        """The settings file that every command finds."""
        return self.var / "khata.toml"

    @property
    def state(self) -> Path:
        """What was chosen at the last start: ports, policies."""
        return self.var / "state.json"


def make_directory(
    path: Path, mode: int, owner: int | None = None, group: int | None = None
) -> None:
    """Make a directory, or bring an existing one to its mode and owner."""
    path.mkdir(mode=mode, exist_ok=True)
    if os.geteuid() == 0:
        os.chown(path, -1 if owner is None else owner, -1 if group is None else group)
    elif path.stat().st_uid != os.geteuid():
        raise StackError(
            f"{path} belongs to another user.",
            "Run this command as that user (or root), or use another place for var.",
        )
    path.chmod(mode)


def make_directories(layout: Layout, postgres: Identity, server: Identity) -> None:
    """Make every directory of a stack; a second time changes nothing."""
    layout.var.mkdir(parents=True, exist_ok=True)
    for path in (layout.run, layout.log):
        make_directory(path, 0o755)
    make_directory(layout.postgres, 0o700, postgres.uid, postgres.gid)
    make_directory(layout.socket_directory, 0o755, postgres.uid, postgres.gid)
    make_directory(layout.secrets, 0o750, group=server.gid)
    make_directory(layout.freeradius, 0o750, group=server.gid)
    for path in (layout.freeradius_run, layout.freeradius_log):
        make_directory(path, 0o750, server.uid, server.gid)
    make_directory(layout.spool, 0o700, server.uid, server.gid)


def write_file(path: Path, text: str, mode: int, group: int | None = None) -> None:
    """Write a file so that a reader or a crash sees the old or the new one whole."""
    new = path.with_name(path.name + ".new")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
        if group is not None and os.geteuid() == 0:
            os.fchown(file.fileno(), -1, group)
        os.fchmod(file.fileno(), mode)
    new.replace(path)


@contextmanager
def told_plainly(doing: str) -> Iterator[None]:
    """Turn a full disk or a refused access into a message a person can act on."""
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StackError(
                f"No space left on the disk while {doing}{where}.",
                "Free some space, then run the command again: it goes on where it was.",
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise StackError(
                f"Not allowed while {doing}{where}: {error.strerror}.",
                "Run the command as the owner of that place (or root), "
                "or set KHATA_VAR to another one.",
            ) from error
        raise
