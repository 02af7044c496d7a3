"""`khata customer import`: the same look and the same deed as the page's."""

import json
from pathlib import Path

from billing_core.db.connect import Connection
from tests.builders import a_package, rows
from tests.integration.cli_runner import khata_for


def test_a_file_is_looked_at_then_imported_once(
    database_url: str, conn: Connection, tmp_path: Path
) -> None:
    khata = khata_for(database_url, tmp_path)
    a_package(conn, name="Home")
    file = tmp_path / "people.csv"
    file.write_text(
        "username,password,package,zone\nrahim,one,Home,Mirpur\nkarim,two,Home,\n"
    )

    looked = khata.ok("customer", "import", str(file), "--dry-run")
    assert "2 customer(s) would be imported" in looked.out
    assert rows(conn, "SELECT FROM customer") == []
    done = khata.ok("customer", "import", str(file))
    again = khata("customer", "import", str(file))

    assert "2 customer(s) are imported" in done.out
    assert again.code == 1
    assert "'rahim' is taken" in again.out
    assert rows(conn, "SELECT username, zone FROM customer ORDER BY 1") == [
        ("karim", ""),
        ("rahim", "Mirpur"),
    ]


def test_bad_rows_are_named_and_nothing_is_imported(
    database_url: str, conn: Connection, tmp_path: Path
) -> None:
    khata = khata_for(database_url, tmp_path)
    a_package(conn, name="Home")
    file = tmp_path / "people.csv"
    file.write_text("username,password,package\nrahim,hush-1,Home\n,hush-2,Villa\n")

    refused = khata("customer", "import", str(file), "--json")

    assert refused.code == 1
    told = json.loads(refused.out)
    assert told["is_imported"] is False
    assert told["problem_count"] == 1
    assert [(p["line"], p["column"]) for p in told["problems"]] == [(3, "username")]
    assert "hush" not in refused.out + refused.err
    assert rows(conn, "SELECT FROM customer") == []
    file.write_text("shoe\n")
    assert "is not known" in khata("customer", "import", str(file)).err
