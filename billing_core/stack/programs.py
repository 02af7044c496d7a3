"""Run a program to its end as another user, and read the end of a log."""

import contextlib
import subprocess
from collections.abc import Mapping
from pathlib import Path

from billing_core.stack.identities import Identity

#: Nothing of the caller's environment reaches a server by accident.
BASE_ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",  # FreeRADIUS prints Event-Timestamp as local time text
}


def run_as(
    identity: Identity,
    argv: list[str],
    *,
    directory: Path,
    seconds: float = 120.0,
    environment: Mapping[str, str] = BASE_ENVIRONMENT,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end as an identity, and return what it said."""
    return subprocess.run(
        argv,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds,
        check=False,
        umask=0o077,
        env=dict(environment),
        user=identity.uid if identity.is_switch else None,
        group=identity.gid if identity.is_switch else None,
        extra_groups=identity.groups if identity.is_switch else None,
    )


def log_tail(file: Path, lines: int = 12) -> str:
    """Return the last lines of a log, indented; nothing when there is none."""
    with contextlib.suppress(OSError):
        return last_lines(file.read_text(encoding="utf-8", errors="replace"), lines)
    return ""


def last_lines(text: str, lines: int = 12) -> str:
    """Return the last lines of a text, indented."""
    return "\n".join("    " + line for line in text.strip().splitlines()[-lines:])
