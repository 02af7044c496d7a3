"""Render FreeRADIUS' private configuration, check it, and ask whether it answers."""

import hashlib
import hmac
import os
import secrets
import shutil
import socket
import struct
from collections.abc import Mapping
from pathlib import Path

import jinja2

from billing_core.stack.errors import StackError
from billing_core.stack.identities import Identity
from billing_core.stack.layout import REPOSITORY
from billing_core.stack.programs import last_lines, run_as

CONFIG_SOURCE = REPOSITORY / "freeradius" / "config"
TEMPLATE_SUFFIX = ".j2"
CHECK_SECONDS_MAX = 60.0

STATUS_SERVER = 12
ACCESS_ACCEPT = 2
ACCOUNTING_RESPONSE = 5


def command(program: Path, etc_dir: Path) -> list[str]:
    """Name the command that runs the server in the foreground, with its threads."""
    return [str(program), "-f", "-l", "stdout", "-d", str(etc_dir), "-n", "radiusd"]


def render(
    target: Path,
    variables: Mapping[str, object],
    server: Identity,
    source: Path = CONFIG_SOURCE,
) -> None:
    """Write the configuration anew: *.j2 are filled in, all other files copied."""
    if (
        not (source / "radiusd.conf").exists()
        and not (source / f"radiusd.conf{TEMPLATE_SUFFIX}").exists()
    ):
        raise StackError(
            f"There is no FreeRADIUS configuration in {source}.",
            "The embedded stack runs from a whole checkout: is this one?",
        )
    for old in target.iterdir():
        shutil.rmtree(old) if old.is_dir() and not old.is_symlink() else old.unlink()
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(source),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - configuration files, not HTML
    )
    for file in sorted(source.rglob("*")):
        name = file.relative_to(source)
        place = target / name
        if file.name.startswith("README"):
            continue  # for people; FreeRADIUS reads whole directories
        if file.is_symlink():
            place.symlink_to(os.readlink(file))
        elif file.is_dir():
            place.mkdir()
        elif file.name.endswith(TEMPLATE_SUFFIX):
            text = _filled(environment, str(name), variables)
            place.with_name(file.name.removesuffix(TEMPLATE_SUFFIX)).write_text(
                text, encoding="utf-8"
            )
        else:
            shutil.copyfile(file, place)
    _restrict(target, server)


def _filled(
    environment: jinja2.Environment, name: str, variables: Mapping[str, object]
) -> str:
    try:
        return environment.get_template(name).render(variables)
    except jinja2.TemplateError as error:
        raise StackError(f"freeradius/config/{name}: {error}.") from error


def _restrict(target: Path, server: Identity) -> None:
    """Let the server read the files, which hold passwords, and nobody else."""
    for directory, _, files in os.walk(target):
        for name in (directory, *(os.path.join(directory, file) for file in files)):
            if os.path.islink(name):
                continue
            if server.is_switch:
                os.chown(name, 0, server.gid)
            os.chmod(name, 0o750 if os.path.isdir(name) else 0o640)


def check(
    program: Path, etc_dir: Path, server: Identity, environment: Mapping[str, str]
) -> None:
    """Let FreeRADIUS read its configuration as it will, and tell what it refuses."""
    argv = [str(program), "-XC", "-d", str(etc_dir), "-n", "radiusd"]
    checked = run_as(
        server,
        argv,
        directory=etc_dir,
        seconds=CHECK_SECONDS_MAX,
        environment=environment,
    )
    if checked.returncode != 0:
        raise StackError(
            "FreeRADIUS refuses its configuration:\n"
            + last_lines(checked.stdout + checked.stderr, 8),
            f"All it says: {' '.join(argv)}",
        )


def answers(address: str, port: int, secret: str, seconds: float = 1.0) -> bool:
    """Send one Status-Server (RFC 5997 §3) and check the answer's authenticator."""
    identifier = secrets.randbelow(256)
    authenticator = secrets.token_bytes(16)
    key = secret.encode("utf-8")
    head = struct.pack("!BBH", STATUS_SERVER, identifier, 38) + authenticator
    # Message-Authenticator is required here (RFC 5997 §3): over itself as zeroes.
    blank = head + b"\x50\x12" + bytes(16)
    signature = hmac.new(key, blank, hashlib.md5).digest()
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as channel:
        channel.settimeout(seconds)
        try:
            channel.connect((address, port))
            channel.send(head + b"\x50\x12" + signature)
            reply = channel.recv(4096)
        except OSError:  # a time-out, or nobody listens there
            return False
    if len(reply) < 20 or reply[1] != identifier:
        return False
    # RFC 2865 §3: MD5 over code, id, length, our authenticator, attributes, secret.
    expected = hashlib.md5(  # noqa: S324 - the protocol says so
        reply[:4] + authenticator + reply[20:] + key
    ).digest()
    return hmac.compare_digest(expected, reply[4:20]) and reply[0] in (
        ACCESS_ACCEPT,
        ACCOUNTING_RESPONSE,
    )
