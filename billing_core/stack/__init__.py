"""Run Khata's own PostgreSQL, FreeRADIUS, worker, scheduler and web on one machine."""

from billing_core.stack.errors import StackError
from billing_core.stack.postgres_only import (
    Postgres,
    scratch_var,
    start_postgres_only,
)

__all__ = ["Postgres", "StackError", "scratch_var", "start_postgres_only"]
