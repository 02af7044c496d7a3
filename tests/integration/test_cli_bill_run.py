"""`khata bill run`: what people bill by hand, and what they cannot."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from billing_core.db.connect import Connection
from billing_core.db.profiles import NewProfile, insert_profile
from billing_core.services.calendar import bill_the_cycles, charge_the_day
from tests.builders import (
    a_customer,
    a_daily_package,
    a_package,
    rows,
    username_of,
)
from tests.integration.cli_runner import Khata, khata_for
from tests.integration.test_billing_run import DHAKA, a_monthly_customer, bills

TODAY = datetime.now(UTC).astimezone(DHAKA)
YESTERDAY = (TODAY - timedelta(days=1)).date().isoformat()
JOINED = (TODAY - timedelta(days=2)).replace(hour=0, minute=0, second=0, microsecond=0)


@pytest.fixture
def khata(database_url: str, tmp_path: Path) -> Khata:
    return khata_for(database_url, tmp_path)


def test_a_dry_run_shows_what_the_run_then_bills(
    khata: Khata, conn: Connection
) -> None:
    customer_id = a_monthly_customer(conn, joined=JOINED.astimezone(UTC))
    asked = ("bill", "run", "--as-of", YESTERDAY)

    (would,) = khata.ok(*asked, "--dry-run", "--json").json["would_bill"]
    assert bills(conn, customer_id) == []
    assert "1 bill(s), 0 customer(s) to park" in khata.ok(*asked, "--dry-run").out

    done = khata.ok(*asked, "--json").json
    assert (done["billed"], done["parked"]) == (1, 0)
    assert (would["customer_id"], would["gross"]) == (customer_id, "600.00")
    assert [row[2] for row in bills(conn, customer_id)] == [Decimal("600.00")]
    assert "0 bill(s)" in khata.ok(*asked).out
    newest = khata.ok("bill", "runs", "--json").json[1]
    assert (newest["run_id"], newest["billed"]) == (done["run_id"], 1)
    assert newest["finished_at"] is not None


def test_a_run_of_one_profile_leaves_the_others(khata: Khata, conn: Connection) -> None:
    one, other = (
        a_monthly_customer(conn, joined=JOINED.astimezone(UTC)) for _ in range(2)
    )
    ((profile,),) = rows(
        conn,
        "SELECT f.name FROM billing_profile f JOIN customer USING (profile_id)"
        " WHERE customer_id = %s",
        other,
    )

    khata.ok("bill", "run", "--profile", profile)

    assert (len(bills(conn, one)), len(bills(conn, other))) == (0, 1)


def test_today_is_no_day_to_come(khata: Khata, conn: Connection) -> None:
    customer_id = a_monthly_customer(conn, joined=JOINED.astimezone(UTC))

    khata.ok("bill", "run", "--as-of", TODAY.date().isoformat())

    assert len(bills(conn, customer_id)) == 1


def test_what_will_be_billed_on_a_day_to_come_can_be_looked_at(
    khata: Khata, conn: Connection
) -> None:
    customer_id = a_monthly_customer(conn, joined=JOINED.astimezone(UTC))
    later = (TODAY + timedelta(days=40)).date().isoformat()

    would = khata.ok("bill", "run", "--dry-run", "--as-of", later, "--json").json

    assert [draft["gross"] for draft in would["would_bill"]] == ["600.00"] * 2
    assert bills(conn, customer_id) == []


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--as-of", "2999-01-01"), "in the future"),
        (("--as-of", "2027-02-29"), "2027-02-29"),
        (("--as-of", "yesterday"), "yesterday"),
        (("--profile", "nothing"), "no billing profile nothing"),
    ],
)
def test_what_cannot_be_run_is_told_in_one_line(
    khata: Khata, conn: Connection, options: tuple[str, ...], why: str
) -> None:
    told = khata("bill", "run", *options)

    assert told.code != 0
    assert why in told.err
    assert "Traceback" not in told.err
    assert rows(conn, "SELECT FROM billing_run") == []


def a_daily_customer(conn: Connection, balance: str, profile: str | None) -> int:
    customer_id = a_customer(
        conn, a_daily_package(conn), balance=balance, profile=profile
    )
    conn.execute("UPDATE customer SET activated_at = %s", [JOINED])
    return customer_id


def days(conn: Connection) -> list[int]:
    return [
        row[0] for row in rows(conn, "SELECT customer_id FROM service_day ORDER BY 1")
    ]


def test_a_run_charges_today_to_who_pays_by_the_day_as_its_dry_run_showed(
    khata: Khata, conn: Connection
) -> None:
    rich, poor = (a_daily_customer(conn, money, None) for money in ("100", "5"))
    dry = ("bill", "run", "--dry-run")

    would = khata.ok(*dry, "--json").json["service_day"]
    assert "1 customer(s) to charge 10.00, 1 cannot pay" in khata.ok(*dry).out
    assert days(conn) == []
    made = khata.ok("bill", "run", "--json").json

    assert would == {
        "day": TODAY.date().isoformat(),
        "charged": 1,
        "amount": "10.00",
        "not_covered": 1,
    }
    assert made["service_day"]["billed"] == 1
    assert days(conn) == [rich]
    assert rows(
        conn,
        "SELECT customer_id, suspend_reason FROM customer WHERE status = 'suspended'",
    ) == [(poor, "BALANCE_EXHAUSTED")]
    assert khata.ok("bill", "run", "--json").json["service_day"] is None


def test_a_day_that_is_over_is_charged_to_nobody(
    khata: Khata, conn: Connection
) -> None:
    a_daily_customer(conn, "100", None)

    khata.ok("bill", "run", "--as-of", YESTERDAY)

    assert days(conn) == []


def test_what_was_run_for_one_profile_only_is_left_to_the_clock_for_the_others(
    khata: Khata, conn: Connection
) -> None:
    insert_profile(conn, NewProfile("by-day", "daily"))
    one = a_daily_customer(conn, "100", "by-day")
    other = a_daily_customer(conn, "100", None)
    monthly = a_monthly_customer(conn, joined=JOINED.astimezone(UTC))

    told = khata.ok("bill", "run", "--profile", "by-day")
    assert "1 service day(s) charged" in told.out
    assert (days(conn), bills(conn, monthly)) == ([one], [])

    now = datetime.now(UTC)
    assert (charge_the_day(conn, now), bill_the_cycles(conn, now)) == (1, 1)
    assert days(conn) == [one, other]


def test_who_is_parked_is_listed_and_taken_in_again(
    khata: Khata, conn: Connection
) -> None:
    package = a_package(conn, billing="monthly", price=Decimal(500))
    username = username_of(conn, a_customer(conn, package))
    conn.execute("UPDATE customer SET activated_at = %s", [JOINED])

    assert "1 customer(s) parked" in khata.ok("bill", "run").out
    (parked,) = khata.ok("bill", "parked", "--json").json
    assert (parked["username"], parked["parked_reason"]) == (username, "NO_PROFILE")
    assert "there is no billing profile" in khata.ok("bill", "parked").out
    told = khata("bill", "make", username)
    assert (told.code, "bill unpark" in told.err) == (1, True)

    khata.ok("bill", "unpark", username)
    assert khata.ok("bill", "parked", "--json").json == []
    log = khata.ok("customer", "show", username, "--json").json["log"]
    assert (log[0]["what"], log[0]["actor"][:4]) == ("unparked", "cli:")


@pytest.mark.parametrize(
    ("setting", "other"), [("BDT", "USD"), ("Asia/Dhaka", "Europe/Berlin")]
)
def test_settings_that_are_not_the_books_stop_every_command(
    khata: Khata, conn: Connection, setting: str, other: str
) -> None:
    text = khata.config.read_text(encoding="utf-8")
    khata.config.write_text(text.replace(setting, other), encoding="utf-8")

    told = khata("bill", "run")

    assert told.code != 0
    assert "kept in BDT and Asia/Dhaka, but the settings say" in told.err
    assert other in told.err
    assert rows(conn, "SELECT FROM billing_run") == []
