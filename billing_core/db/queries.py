"""Read the named queries of a .sql file: `-- name --`, a line of purpose, the SQL."""

import re
from functools import cache
from pathlib import Path
from typing import LiteralString, cast

_SQL_FOLDER = Path(__file__).parent.parent / "sql"
_NAME = re.compile(r"^-- ([a-z_0-9]+) --$", re.MULTILINE)


@cache
def load_queries(aggregate: str) -> dict[str, LiteralString]:
    """Return the queries of sql/<aggregate>.sql by name.

    The text comes from our own files, never from input, which is what LiteralString
    stands for.
    """
    text = (_SQL_FOLDER / f"{aggregate}.sql").read_text(encoding="utf-8")
    parts = _NAME.split(text)
    names, bodies = parts[1::2], parts[2::2]
    if len(set(names)) != len(names):
        raise ValueError(f"sql/{aggregate}.sql names a query twice")
    return {
        name: cast(LiteralString, body.strip())
        for name, body in zip(names, bodies, strict=True)
    }
