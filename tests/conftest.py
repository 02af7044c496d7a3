"""A private PostgreSQL for the run, and a fresh database for each test that asks."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from billing_core import stack
from billing_core.db.connect import Connection, connect
from billing_core.migrations import migrate
from billing_core.services.partitions import ensure_partitions

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[stack.Postgres]:
    """A private PostgreSQL cluster, ended with the run."""
    with (
        stack.scratch_var() as var,
        stack.start_postgres_only(var, durable=False) as running,
    ):
        yield running


@pytest.fixture(scope="session")
def template_database(postgres: stack.Postgres) -> str:
    """A migrated database that each test's own is copied from."""
    with psycopg.connect(postgres.url, autocommit=True) as admin:
        admin.execute("CREATE DATABASE khata_template")
    url = _with_database(postgres.url, "khata_template")
    migrate(url)
    with connect(url, application="tests") as conn:
        conn.execute(
            "INSERT INTO installation (currency, zone) VALUES ('BDT', 'Asia/Dhaka')"
        )
        ensure_partitions(conn, datetime.now(UTC))
    return "khata_template"


@pytest.fixture
def database_url(postgres: stack.Postgres, template_database: str) -> Iterator[str]:
    """The address of a migrated, empty database of this test's own."""
    with _a_database(postgres, template_database) as url:
        yield url


@pytest.fixture(scope="module")
def shared_database_url(
    postgres: stack.Postgres, template_database: str
) -> Iterator[str]:
    """The address of a database that the tests of one module share.

    For tests of what is refused: they leave nothing that another could trip over.
    """
    with _a_database(postgres, template_database) as url:
        yield url


@pytest.fixture
def conn(database_url: str) -> Iterator[Connection]:
    """A connection to this test's own database."""
    with connect(database_url, application="tests") as connection:
        yield connection


@contextmanager
def _a_database(postgres: stack.Postgres, template: str) -> Iterator[str]:
    name = f"khata_test_{next(_numbers)}"
    with psycopg.connect(postgres.url, autocommit=True) as admin:
        admin.execute(
            # Without fsync a copy of its files takes a fifth of the time of writing
            # each page to the WAL, which is the default.
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        yield _with_database(postgres.url, name)
        # Not WITH (FORCE): that would have to end autovacuum, which is not ours to end;
        # without it, DROP sends autovacuum away and waits for those that are leaving.
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = %s AND usename = current_user",
            [name],
        )
        admin.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


def _with_database(url: str, name: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{name}"))
