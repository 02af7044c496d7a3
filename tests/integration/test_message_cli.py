"""`khata message` as a person runs it."""

from pathlib import Path

import pytest

from billing_core.db.connect import Connection
from billing_core.reminders import Event
from billing_core.services.reminders import queue_reminders
from tests.builders import rows, username_of
from tests.integration.cli_runner import Khata, khata_for
from tests.integration.test_reminders import JOINED, TEN, an_owing_customer, tell_by
from tests.message_ends import Mailbox, Phones, a_mail_server, an_sms_gateway


@pytest.fixture
def khata(database_url: str, tmp_path: Path) -> Khata:
    return khata_for(database_url, tmp_path)


def add(khata: Khata, *lines: str) -> Khata:
    """Add settings to the khata.toml."""
    with khata.config.open("a", encoding="utf-8") as config:
        config.write("\n".join(lines) + "\n")
    return khata


def test_messages_are_listed_for_people_and_scripts(
    conn: Connection, khata: Khata
) -> None:
    assert "No message yet." in khata.ok("message", "list").out
    tell_by(conn, "sms")
    username = username_of(conn, an_owing_customer(conn))
    an_owing_customer(conn)
    queue_reminders(conn, JOINED + TEN)

    (found,) = khata.ok("message", "list", "--username", username, "--json").json

    assert (found["username"], found["event"], found["state"]) == (
        username,
        "bill_issued",
        "pending",
    )
    assert found["body"].startswith("Bill B-")
    assert len(khata.ok("message", "list", "--json").json) == 2
    assert "bill_issued" in khata.ok("message", "list").out
    nobody = khata("message", "list", "--username", "nobody")
    assert (nobody.code, "no customer nobody" in nobody.err) == (1, True)


@pytest.mark.parametrize("event", Event)
def test_every_message_can_be_looked_at(event: Event, khata: Khata) -> None:
    add(khata, 'provider = "Shapla Net"')

    english = khata.ok("message", "preview", event.value).out
    bangla = khata.ok("message", "preview", event.value, "--language", "bn").out

    assert english.count("Shapla Net") == bangla.count("Shapla Net") == 2
    assert english.isascii()
    assert any(word in bangla for word in ("সংযোগ", "বিল", "ডেটা", "কোড"))


def test_a_test_mail_is_sent_and_a_refusal_told(khata: Khata) -> None:
    none = khata("message", "send-test", "mail", "rahim@example.org")
    assert (none.code, "KHATA_SMTP_URL" in none.err) == (1, True)
    with a_mail_server(Mailbox()) as box:
        add(
            khata,
            f'smtp_url = "smtp://127.0.0.1:{box.port}"',
            'mail_from = "billing@example.net"',
        )
        khata.ok("message", "send-test", "mail", "rahim@example.org")
        box.answers["RCPT"] = ["550 no such person"]
        refused = khata("message", "send-test", "mail", "karim@example.org")

    assert box.recipients == ["rahim@example.org"]
    assert (refused.code, "550 no such person" in refused.err) == (1, True)


def test_a_test_sms_shows_what_the_gateway_answered(khata: Khata) -> None:
    none = khata("message", "send-test", "sms", "017")
    assert (none.code, "KHATA_SMS_URL" in none.err) == (1, True)
    with an_sms_gateway(Phones(answers=[(200, "SENT 77"), (401, "bad key")])) as it:
        url = f"http://127.0.0.1:{it.port}/?k=s3cret&to={{recipient}}&m={{text}}"
        add(khata, f'sms_url = "{url}"')
        sent = khata.ok("message", "send-test", "sms", "017")
        refused = khata("message", "send-test", "sms", "018", "--language", "bn")

    assert "SENT 77" in sent.out
    assert (refused.code, "HTTP 401" in refused.err) == (1, True)
    assert "bad key" in refused.err
    assert "s3cret" not in sent.out + refused.err


def test_a_customer_is_given_addresses_and_a_language(
    conn: Connection, khata: Khata
) -> None:
    username = username_of(conn, an_owing_customer(conn))

    khata.ok("message", "contact", username, "--mail", "r@example.org")
    khata.ok("message", "contact", username, "--mobile", "", "--language", "bn")

    assert rows(conn, "SELECT mail, mobile, language FROM customer") == [
        ("r@example.org", "", "bn")
    ]
    assert rows(
        conn,
        "SELECT note FROM customer_event WHERE what = 'contact changed' ORDER BY 1",
    ) == [("mail r@example.org",), ("mobile -, language bn",)]
    assert khata("message", "contact", username).code == 2


def test_a_wrong_setting_stops_the_command_by_name(khata: Khata) -> None:
    add(khata, 'mail_from = "billing@example.net"')

    told = khata("message", "list")

    assert (told.code, "KHATA_SMTP_URL" in told.err) == (2, True)
