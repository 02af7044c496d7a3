"""`khata package withdraw`: not sold any more, kept by who has it, and undone."""

from pathlib import Path

from billing_core.db.connect import Connection
from tests.builders import a_customer, a_package, rows
from tests.integration.cli_runner import khata_for


def test_a_withdrawn_package_is_given_to_nobody_new(
    database_url: str, conn: Connection, tmp_path: Path
) -> None:
    khata = khata_for(database_url, tmp_path)
    a_customer(conn, a_package(conn, name="Old"), username="has-it")
    add = ("customer", "add", "late", "--package", "Old", "--password-file", "-")

    assert "not sold any more" in khata.ok("package", "withdraw", "Old").out
    refused = khata(*add, stdin="s3cret\n")
    assert "already" in khata.ok("package", "withdraw", "Old").out

    assert (refused.code, "not sold any more" in refused.err) == (1, True)
    khata.ok("package", "withdraw", "Old", "--undo")
    khata.ok(*add, stdin="s3cret\n")
    logged = rows(conn, "SELECT what FROM operator_event ORDER BY operator_event_id")
    assert logged == [("package withdrawn",), ("package sold again",)]


def test_fair_use_is_said_with_the_package_and_shown_with_the_customer(
    database_url: str, conn: Connection, tmp_path: Path
) -> None:
    khata = khata_for(database_url, tmp_path)
    add = ("package", "add", "Fair", "--billing", "free", "--rate", "5M/10M")
    assert "rate beyond it" in khata(*add, "--fair-use", "300GB").err
    khata.ok(*add, "--fair-use", "300GB", "--fair-use-rate", "1M/2M")
    a_customer(conn, "Fair", username="rahim")

    shown = khata.ok("customer", "show", "rahim", "--json").json

    assert shown["fair_use"] == {
        "octets_allowed": 300 * 10**9,
        "octets_used": 0,
        "cycle_end": None,
        "is_reduced": False,
        "rate_up_bps": 1_000_000,
        "rate_down_bps": 2_000_000,
    }
    assert "fair use" in khata.ok("customer", "show", "rahim").out
