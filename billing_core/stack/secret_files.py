"""Keep one secret a file: made once, never replaced behind a person's back."""

import base64
import secrets
import string
from collections.abc import Callable
from pathlib import Path

from billing_core.settings import KEY_BYTES
from billing_core.stack.errors import StackError
from billing_core.stack.identities import Identity
from billing_core.stack.layout import Layout, write_file

#: Letters and digits only: these stand in URLs and configuration files.
ALPHABET = string.ascii_letters + string.digits
PASSWORD_LENGTH = 32


def new_password() -> str:
    """Make a password nobody can guess."""
    return "".join(secrets.choice(ALPHABET) for _ in range(PASSWORD_LENGTH))


def new_secret_key() -> str:
    """Make a key that seals customer passwords, or that PINs are kept with."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode("ascii")


def superuser_password(layout: Layout) -> str:
    """Return the database superuser's password, readable for its owner only."""
    return _keep(layout.secrets / "postgres_password", new_password, 0o600, None)


def server_secret(layout: Layout, name: str, server: Identity) -> str:
    """Return a password that FreeRADIUS, worker and web may read as well."""
    return _keep(layout.secrets / name, new_password, 0o640, server.gid)


def secret_key_file(layout: Layout, server: Identity, *, has_database: bool) -> Path:
    """Return the file of the sealing key; a lost key is never replaced by a new one."""
    path = layout.secrets / "secret_key"
    if has_database and not path.exists():
        raise StackError(
            f"{path} is missing, but the database exists: nobody's password could be "
            "opened with a new key.",
            "Restore that file from your backup. To begin anew, remove "
            f"{layout.postgres} as well: all customers are lost then.",
        )
    _keep(path, new_secret_key, 0o640, server.gid)
    return path


def card_key_file(layout: Layout, server: Identity) -> Path:
    """Return the file of the key that recharge cards' PINs are kept with.

    Databases are older than cards, so a missing file is made; if cards were printed
    with a key that is lost, `khata doctor` tells.
    """
    path = layout.secrets / "card_key"
    _keep(path, new_secret_key, 0o640, server.gid)
    return path


def write_server_secret(layout: Layout, name: str, text: str, server: Identity) -> Path:
    """Write a secret that follows from others, such as the database's address."""
    path = layout.secrets / name
    write_file(path, text + "\n", 0o640, server.gid)
    return path


def _keep(path: Path, make: Callable[[], str], mode: int, group: int | None) -> str:
    try:
        if text := path.read_text(encoding="utf-8").strip():
            return text
    except FileNotFoundError:
        pass
    write_file(path, make() + "\n", mode, group)
    return path.read_text(encoding="utf-8").strip()
