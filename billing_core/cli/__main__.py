"""Let `python -m billing_core.cli` be the same as `khata`."""

from billing_core.cli import main

main(prog_name="khata")
