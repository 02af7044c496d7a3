"""Let `python -m billing_core.cli` be the same as `khata`."""

from billing_core.cli import run

run()
