"""What tests of plans share: a big database, and what its queries walk through."""

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

import psycopg

from billing_core.db.connect import Connection, connect
from tests.builders import a_nas, a_package


class Explained(psycopg.Cursor[Any]):
    """A cursor that keeps the plan of what it is asked."""

    plans: ClassVar[list[Any]] = []

    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        text = query if isinstance(query, str) else query.as_string(self.connection)
        with psycopg.Cursor(self.connection) as plain:
            plain.execute("EXPLAIN (FORMAT JSON) " + text, params, prepare=False)
            (plan,) = plain.fetchone() or ([],)
        self.plans.append(plan)
        return super().execute(query, params, **options)


@contextmanager
def filled(database_url: str, *more: str) -> Iterator[Connection]:
    """Fill a database with 20,000 customers, and with what these files of ours say."""
    with connect(database_url, application="tests") as conn:
        a_package(conn)
        a_nas(conn)
        for name in ("big.sql", *more):
            text = Path(__file__).with_name(name).read_text(encoding="utf-8")
            conn.execute(text)  # type: ignore[call-overload]
        conn.execute("VACUUM ANALYZE")
        yield conn


@contextmanager
def watching(big: Connection) -> Iterator[Connection]:
    """Keep the plan of each query that is asked meanwhile."""
    Explained.plans.clear()
    big.cursor_factory = Explained
    try:
        yield big
    finally:
        big.cursor_factory = psycopg.Cursor


def walked(plan: Any, tables: Collection[str]) -> Iterator[str]:
    """Name those of these tables that a plan walks through from end to end."""
    if isinstance(plan, list):
        for part in plan:
            yield from walked(part, tables)
    elif isinstance(plan, dict):
        if plan.get("Node Type") == "Seq Scan" and plan["Relation Name"] in tables:
            yield plan["Relation Name"]
        for key in ("Plan", "Plans"):
            if key in plan:
                yield from walked(plan[key], tables)


def assert_nothing_walked(tables: Collection[str]) -> None:
    """Fail if a plan that was kept walks through one of these tables."""
    assert Explained.plans
    for plan in Explained.plans:
        assert list(walked(plan, tables)) == [], json.dumps(plan, indent=1)
