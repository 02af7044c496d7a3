"""Run `khata …` against a test's own database."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from billing_core.cli import main
from tests.builders import KEY


@dataclass(frozen=True, slots=True)
class Told:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Return what it printed as JSON."""
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Khata:
    """A `khata` whose khata.toml names one database."""

    config: Path

    def __call__(self, *arguments: str, stdin: str | bytes | None = None) -> Told:
        """Run a command, wherever it ends."""
        result = CliRunner().invoke(
            main,
            list(arguments),
            input=stdin,
            env={"KHATA_CONFIG": str(self.config), "KHATA_DATABASE_URL": None},
            # A traceback is never what a person should see: let it fail the test.
            catch_exceptions=False,
        )
        return Told(result.exit_code, result.stdout, result.stderr)

    def ok(self, *arguments: str, stdin: str | None = None) -> Told:
        """Run a command that has to succeed."""
        told = self(*arguments, stdin=stdin)
        assert told.code == 0, told.err
        return told


def khata_for(database_url: str, folder: Path) -> Khata:
    """Write a khata.toml as `khata up` does, and return its `khata`."""
    config = folder / "khata.toml"
    config.write_text(
        f'database_url = "{database_url}"\n'
        f'secret_key = "{base64.b64encode(KEY).decode()}"\n'
        'currency = "BDT"\nzone = "Asia/Dhaka"\n',
        encoding="utf-8",
    )
    return Khata(config)
