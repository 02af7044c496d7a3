"""Check that this machine has the programs the stack needs, in versions that work."""

import os
import re
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from billing_core.stack.errors import StackError

LIB_DIR = Path("/usr/lib/freeradius")
RADDB_DIR = Path("/etc/freeradius/3.0")
# Of this machine's kind: x86_64-linux-gnu, aarch64-linux-gnu.
SHARED_LIB_DIR = Path("/usr/lib") / str(sysconfig.get_config_var("MULTIARCH"))
POSTGRES_VERSIONS = Path("/usr/lib/postgresql")
POSTGRES_VERSION_MIN = 15

#: rlm_python3 of these drops every value that Python returns, unless the server runs
#: with -X: an Access-Accept would leave without its limits (FreeRADIUS issue 5911).
BROKEN_FREERADIUS = {(3, 2, 9), (3, 2, 10)}

#: Debian package → a file that only it brings.
NEEDED_FILES = {
    "freeradius": Path("/usr/sbin/freeradius"),
    "freeradius-python3": LIB_DIR / "rlm_python3.so",
    "freeradius-postgresql": LIB_DIR / "rlm_sql_postgresql.so",
    "freeradius-utils": Path("/usr/bin/radclient"),
    # Bills and receipts: WeasyPrint shapes their text with Pango and HarfBuzz.
    "libpangoft2-1.0-0": SHARED_LIB_DIR / "libpangoft2-1.0.so.0",
    "libharfbuzz-subset0": SHARED_LIB_DIR / "libharfbuzz-subset.so.0",
}
SETUP = "Run `make setup`: it installs what is missing."


@dataclass(frozen=True, slots=True)
class Programs:
    """The programs that were found, with their versions."""

    freeradius: Path
    freeradius_version: tuple[int, ...]
    postgres_bin: Path
    postgres_version: int


def find_programs(wanted_postgres: int | None = None) -> Programs:
    """Find the servers, or say which package is missing or known to be broken."""
    freeradius, version = find_freeradius()
    postgres_bin, postgres_version = find_postgres(wanted_postgres)
    return Programs(freeradius, version, postgres_bin, postgres_version)


def find_freeradius() -> tuple[Path, tuple[int, ...]]:
    """Find FreeRADIUS and its version, or say what is missing or known to be broken."""
    missing = missing_packages(NEEDED_FILES)
    if missing:
        raise StackError(f"Missing Debian packages: {', '.join(missing)}.", SETUP)
    freeradius = NEEDED_FILES["freeradius"]
    version = freeradius_version(freeradius)
    refuse_broken_freeradius(version)
    return freeradius, version


def missing_packages(needed: dict[str, Path]) -> list[str]:
    """Name the Debian packages whose files are not here."""
    return [package for package, file in needed.items() if not file.exists()]


def find_postgres(
    wanted: int | None = None, versions: Path = POSTGRES_VERSIONS
) -> tuple[Path, int]:
    """Find the newest PostgreSQL, or the version that made an existing cluster."""
    found = sorted(
        int(place.name)
        for place in versions.glob("[0-9]*")
        if place.name.isdigit() and (place / "bin" / "initdb").exists()
    )
    if wanted is not None and wanted not in found:
        here = ", ".join(map(str, found)) or "none"
        raise StackError(
            f"The database was made by PostgreSQL {wanted}; installed: {here}.",
            f"Install postgresql-{wanted}, or move the data with pg_upgrade.",
        )
    if not found:
        raise StackError("Missing Debian package: postgresql.", SETUP)
    version = found[-1] if wanted is None else wanted
    if version < POSTGRES_VERSION_MIN:
        raise StackError(
            f"PostgreSQL {version} is too old: {POSTGRES_VERSION_MIN} is needed.",
            SETUP,
        )
    return versions / str(version) / "bin", version


def freeradius_version(program: Path) -> tuple[int, ...]:
    """Ask the FreeRADIUS server for its version."""
    try:
        answer = subprocess.run(
            [program, "-v"], capture_output=True, text=True, timeout=20, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StackError(f"{program} -v does not answer: {error}.", SETUP) from error
    return parse_freeradius_version(answer)


def parse_freeradius_version(answer: str) -> tuple[int, ...]:
    """Read the version from what `freeradius -v` prints."""
    found = re.search(r"FreeRADIUS Version (\d+)\.(\d+)\.(\d+)", answer)
    if not found:
        raise StackError("`freeradius -v` does not say which version it is.", SETUP)
    return tuple(int(part) for part in found.groups())


def refuse_broken_freeradius(version: tuple[int, ...]) -> None:
    """Refuse a FreeRADIUS that would let customers in without limits, or is too new."""
    name = ".".join(map(str, version))
    if version in BROKEN_FREERADIUS:
        raise StackError(
            f"FreeRADIUS {name} loses every value that a Python module returns "
            "(its issue 5911): logins would be accepted without any limit.",
            "Install another version: 3.2.1 of Debian 12 and 3.2.8 work.",
        )
    if version[:2] != (3, 2):
        raise StackError(
            f"FreeRADIUS {name} reads another configuration than 3.2.", SETUP
        )


def embedded_python(module: Path = LIB_DIR / "rlm_python3.so") -> str:
    """Say which Python FreeRADIUS carries inside, as in 3.11."""
    answer = subprocess.run(
        ["ldd", module], capture_output=True, text=True, timeout=20, check=False
    ).stdout
    found = re.search(r"libpython(3\.\d+)", answer)
    if not found:
        raise StackError(f"{module} links no libpython.", SETUP)
    return found.group(1)


def refuse_wrong_python(embedded: str) -> None:
    """Refuse to run on another Python than FreeRADIUS embeds.

    Compiled packages (psycopg, cryptography) of the virtualenv are loaded there too.
    """
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    base = os.path.realpath(sys._base_executable)  # type: ignore[attr-defined] # set by every CPython since 3.3
    if running != embedded or not base.startswith("/usr/bin/"):
        raise StackError(
            f"Khata runs on Python {running} ({base}), but FreeRADIUS embeds Debian's "
            f"Python {embedded}.",
            "Run `make setup`, then use .venv/bin/khata.",
        )
