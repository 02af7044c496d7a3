"""Find code and var places that unprivileged users can reach, or make such places.

Root's checkout often stands where nobody else may enter, as /root does. The servers do
not run as root; so their code is then linked, and var is kept, below /var/lib/khata.
"""

import fcntl
import hashlib
import os
import shutil
import stat
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from billing_core.stack.errors import StackError
from billing_core.stack.identities import Identity, can_read, first_closed_directory
from billing_core.stack.layout import REPOSITORY

HOMES = Path("/var/lib/khata")
#: What runs inside the servers; a part that is not there yet is left out.
CODE_PARTS = ("billing_core", "radius_module", "web", "simulators")


@dataclass(frozen=True, slots=True)
class CodeHome:
    """Where the servers find code, libraries and the interpreter."""

    code: Path
    site_packages: Path
    python: Path

    @property
    def python_path(self) -> str:
        """Both places, as PYTHONPATH and rlm_python3 want them."""
        return f"{self.code}:{self.site_packages}"


def own_code_home() -> CodeHome:
    """Describe the code that is running now."""
    return CodeHome(
        REPOSITORY, Path(sysconfig.get_path("purelib")), Path(sys.executable)
    )


def reachable_code_home(server: Identity) -> CodeHome:
    """Return our own place when the servers may read it, else a linked copy."""
    own = own_code_home()
    samples = (own.code / "billing_core" / "__init__.py", own.site_packages, own.python)
    if not server.is_switch or all(can_read(sample, server) for sample in samples):
        return own
    home = _home()
    linked = CodeHome(
        home / "code",
        home / "site-packages",
        Path(os.path.realpath(sys.executable)),
    )
    home.mkdir(parents=True, exist_ok=True)
    linked.code.mkdir(exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # stacks of one checkout may start at once
        _mirror(own.site_packages, linked.site_packages, server)
        for part in CODE_PARTS:
            if (own.code / part).is_dir():
                _mirror(own.code / part, linked.code / part, server)
    return linked


def reachable_var(chosen: Path | None, users: tuple[Identity, ...]) -> Path:
    """Return the var directory to use; the checkout's own one may have to move out."""
    var = chosen or REPOSITORY / "var"
    closed = _closed_way(var, users)
    if closed is None:
        return var
    directory, user = closed
    if chosen is not None or (var.exists() and not var.is_symlink()):
        raise StackError(
            f"The user {user.name} may not enter {directory}, but is to work in {var}.",
            f"Run `chmod o+x {directory}`, or use another place for var (KHATA_VAR).",
        )
    moved = _home() / "var"
    moved.mkdir(parents=True, exist_ok=True)
    if var.is_symlink():
        var.unlink()
    var.symlink_to(moved)
    return moved


def _closed_way(var: Path, users: tuple[Identity, ...]) -> tuple[Path, Identity] | None:
    parent = var.resolve().parent
    for user in users:
        if user.is_switch and (closed := first_closed_directory(parent, user)):
            return closed, user
    return None


def _home() -> Path:
    key = hashlib.sha256(os.fsencode(REPOSITORY)).hexdigest()[:12]
    return HOMES / f"{REPOSITORY.name}-{key}"


def _mirror(source: Path, target: Path, server: Identity) -> None:
    """Link a tree anew if it changed: the servers see today's code; no space is taken.

    An unchanged one is left alone, since servers of another stack may be reading it.
    """
    stamp = target.with_name(target.name + ".stamp")
    seen = _fingerprint(source)
    if target.is_dir() and stamp.exists() and stamp.read_text("ascii") == seen:
        return
    stamp.unlink(missing_ok=True)
    fresh = target.with_name(target.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(
        source,
        fresh,
        symlinks=True,
        copy_function=_link,
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    for directory, _, _ in os.walk(fresh):
        os.chown(directory, -1, server.gid)
        os.chmod(directory, 0o750)
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
    stamp.write_text(seen, encoding="ascii")


def _fingerprint(tree: Path) -> str:
    """Sum up names, sizes and times of all files of a tree."""
    digest = hashlib.sha256()
    for directory, names, files in os.walk(tree):
        names[:] = sorted(name for name in names if name != "__pycache__")
        for file in sorted(files):
            path = os.path.join(directory, file)
            status = os.lstat(path)
            digest.update(os.fsencode(path))
            digest.update(f"{status.st_size} {status.st_mtime_ns} ".encode("ascii"))
    return digest.hexdigest()


def _link(source: str, target: str) -> None:
    # A file made under a strict umask is not readable for others: such a one is copied.
    if os.stat(source).st_mode & stat.S_IROTH:
        try:
            os.link(source, target)
            return
        except OSError:  # another file system
            pass
    shutil.copyfile(source, target)
    os.chmod(target, 0o644)
