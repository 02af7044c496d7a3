"""Render the peers' configurations and make servers of them."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import jinja2

from bench.servers import SECRET, Server, give_to_server
from billing_core.stack.packages import LIB_DIR, RADDB_DIR

_HERE = Path(__file__).parent


def stock_server(
    etc_dir: Path, variables: Mapping[str, object], *, logs_logins: bool = True
) -> Server:
    """Make peer (a) in a directory of its own; it logs each login after authorizing."""
    return _server(
        "stock rlm_sql", "stock", etc_dir, {**variables, "logs_logins": logs_logins}
    )


def noop_server(etc_dir: Path, variables: Mapping[str, object]) -> Server:
    """Make peer (b) in a directory of its own."""
    server = _server("no-op rlm_python3", "noop", etc_dir, variables)
    shutil.copyfile(_HERE / "noop_module.py", etc_dir / "noop_module.py")
    give_to_server(etc_dir)
    return server


def _server(
    name: str, template: str, etc_dir: Path, variables: Mapping[str, object]
) -> Server:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "config"),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - configuration files, not HTML
    )
    values = {
        "etc_dir": etc_dir,
        "raddb_dir": RADDB_DIR,
        "lib_dir": LIB_DIR,
        "secret": SECRET,
        **variables,
    }
    etc_dir.mkdir(parents=True)
    text = environment.get_template(f"{template}.conf.j2").render(values)
    (etc_dir / "radiusd.conf").write_text(text, encoding="utf-8")
    give_to_server(etc_dir)
    auth_port, acct_port = variables["auth_port"], variables["acct_port"]
    assert isinstance(auth_port, int)
    assert isinstance(acct_port, int)
    return Server(name, etc_dir, auth_port=auth_port, acct_port=acct_port)
