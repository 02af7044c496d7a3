"""Alembic's entry: connect with psycopg 3 and run the revisions."""

from alembic import context
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

_url = context.config.attributes["database_url"]
_engine = create_engine(
    _url.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=NullPool
)
# Two stacks starting at once must not migrate twice: the lock is held to the end of
# the transaction, and the loser then finds nothing left to do.
with _engine.begin() as _connection:
    _connection.exec_driver_sql(
        "SELECT pg_advisory_xact_lock(hashtext('khata.migrate'))"
    )
    context.configure(connection=_connection, target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()
