"""Named queries and the functions that run them match, both ways."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import billing_core
from billing_core.db.queries import load_queries
from radius_module.access_database import DECIDING
from radius_module.session_opening import OPENING

ROOT = Path(billing_core.__file__).parent
REPOSITORY = ROOT.parent
AGGREGATES = sorted(path.stem for path in (ROOT / "sql").glob("*.sql"))
# Run in turn by one function: every check of the audit, every statement of a login.
RUN_IN_TURN = {"audit", "authorization"}


def users(aggregate: str) -> Iterator[tuple[Path, ast.Module]]:
    """Parse the modules that load an aggregate's queries."""
    for package in ("billing_core", "radius_module", "web", "simulators"):
        for path in sorted((REPOSITORY / package).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            if f'load_queries("{aggregate}")' in text:
                yield path, ast.parse(text)


def names_used(tree: ast.Module) -> dict[str, str]:
    """Return each query that a module takes by name, and the function it is in."""
    used: dict[str, str] = {}
    for top in tree.body:
        for node in ast.walk(top):
            if (
                isinstance(node, ast.Subscript)
                and isinstance(node.slice, ast.Constant)
                and isinstance(node.slice.value, str)
                and re.search(r"_QUERIES|load_queries", ast.unparse(node.value))
            ):
                used[node.slice.value] = getattr(top, "name", "")
    return used


def test_there_are_queries_to_look_at() -> None:
    assert {"audit", "intake", "ledger", "sessions"} <= set(AGGREGATES)


@pytest.mark.parametrize("aggregate", [a for a in AGGREGATES if a not in RUN_IN_TURN])
def test_every_query_is_run_by_a_function_and_every_function_finds_its_query(
    aggregate: str,
) -> None:
    used: set[str] = set()
    for _path, tree in users(aggregate):
        used |= names_used(tree).keys()
    assert used == load_queries(aggregate).keys()


def test_a_login_prepares_the_statements_that_there_are() -> None:
    prepared = DECIDING.statements.keys() | OPENING.statements.keys()
    assert prepared == load_queries("authorization").keys()


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_every_query_says_what_it_is_for(aggregate: str) -> None:
    for name, body in load_queries(aggregate).items():
        assert body.startswith("-- "), f"{aggregate}.sql: {name} has no line of purpose"


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_no_query_takes_every_column_of_a_table(aggregate: str) -> None:
    """A column that is added must not change what a function returns.

    From a record that the statement itself defines, all of it may be taken.
    """
    for name, body in load_queries(aggregate).items():
        defined = set(re.findall(r"(?:WITH|,)\s*(\w+) AS \(", body))
        for source in re.findall(r"SELECT \* FROM (\w+)", body):
            assert source in {*defined, "unnest", "acct_intake"}, f"{name}: {source}"


def test_a_query_named_twice_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "twice.sql").write_text("-- one --\nSELECT 1\n-- one --\nSELECT 2\n")
    monkeypatch.setattr("billing_core.db.queries._SQL_FOLDER", tmp_path)
    with pytest.raises(ValueError, match=r"twice\.sql"):
        load_queries("twice")
