"""Decide which user each server runs as: never root, never one that cannot read."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from billing_core.stack.errors import StackError

#: Debian's packages make these; PostgreSQL refuses to run as root, and so do we.
POSTGRES_USER = "postgres"
SERVER_USER = "freerad"


@dataclass(frozen=True, slots=True)
class Identity:
    """A user with its groups; `is_switch` says that root has to become it first."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    is_switch: bool


def postgres_identity() -> Identity:
    """Name who runs PostgreSQL: its own user under root, else whoever calls."""
    return _identity(POSTGRES_USER)


def server_identity() -> Identity:
    """Name who runs FreeRADIUS, worker, scheduler and web."""
    return _identity(SERVER_USER)


def _identity(service_user: str) -> Identity:
    is_root = os.geteuid() == 0
    try:
        entry = pwd.getpwnam(service_user) if is_root else pwd.getpwuid(os.geteuid())
    except KeyError as error:
        raise StackError(
            f"There is no user {service_user} on this machine.",
            "Run `make setup`: Debian's packages make the users they need.",
        ) from error
    groups = tuple(os.getgrouplist(entry.pw_name, entry.pw_gid))
    return Identity(entry.pw_name, entry.pw_uid, entry.pw_gid, groups, is_root)


def first_closed_directory(path: Path, identity: Identity) -> Path | None:
    """Find the first directory on the way to a path that an identity may not enter."""
    for place in (*reversed(path.parents), path):
        if place.is_dir() and not _may(place, identity, stat.S_IXOTH):
            return place
    return None


def can_read(path: Path, identity: Identity) -> bool:
    """Tell whether an identity can come to a path and read it."""
    return first_closed_directory(path.parent, identity) is None and _may(
        path, identity, stat.S_IROTH
    )


def _may(path: Path, identity: Identity, other_bit: int) -> bool:
    # POSIX: the owner's bits for the owner, else the group's, else the others'.
    status = path.stat()
    if identity.uid == 0:
        return True
    if status.st_uid == identity.uid:
        return bool(status.st_mode & (other_bit << 6))
    if status.st_gid in identity.groups:
        return bool(status.st_mode & (other_bit << 3))
    return bool(status.st_mode & other_bit)
