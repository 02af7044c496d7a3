"""PDF of bills, credit notes and receipts: made once, and the same ever after."""

import hashlib
import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from psycopg import errors

from billing_core.db.connect import Connection
from billing_core.db.corrections import UnknownBillError
from billing_core.db.documents import (
    Document,
    DocumentTooLargeError,
    Key,
    insert_document,
)
from billing_core.db.profiles import insert_vat_profile
from billing_core.documents.words import words_in
from billing_core.services.audit import audit
from billing_core.services.cash import take_cash
from billing_core.services.corrections import credit_bill, void_bill
from billing_core.services.documents import (
    NotNumberedError,
    bill_document,
    numbered_document,
    receipt_document,
)
from billing_core.services.due_dates import move_due_date
from billing_core.services.refunds import refund_payment
from billing_core.services.wallets import reverse_entry
from tests.builders import (
    NOON,
    at_once,
    rows,
    username_of,
)
from tests.integration.cli_runner import khata_for
from tests.integration.correcting import number
from tests.integration.test_billing_run import a_monthly_customer, dhaka, run
from tests.papers import ISSUER, WITHOUT_NUMBER, text_of

JANUARY = dhaka(2026, 1, 1)
LATER = JANUARY + timedelta(days=40)
D = Decimal


def billed(conn: Connection, **profile: Any) -> tuple[int, str]:
    """A customer named Abdur Rahim, and the number of his bill of 600.00."""
    customer_id = a_monthly_customer(
        conn, joined=JANUARY, **({"bill_trigger": "first"} | profile)
    )
    conn.execute(
        "UPDATE customer SET name = 'Abdur Rahim', address = '27 Mirpur Road'"
        " WHERE customer_id = %s",
        [customer_id],
    )
    run(conn, JANUARY)
    return customer_id, number(conn, customer_id)


def ask(conn: Connection, name: str, *, now: Any = JANUARY, **but: Any) -> Document:
    issuer = but.pop("issuer", ISSUER)
    return numbered_document(conn, name, issuer, actor="nila", now=now, **but)


def paid(conn: Connection, customer_id: int, amount: str = "1000") -> tuple[int, int]:
    taken = take_cash(
        conn,
        username_of(conn, customer_id),
        D(amount),
        key=f"cash-{customer_id}",
        operator="nila",
        note="",
        now=JANUARY,
    )
    return taken.payment_id, taken.entry_id


def ask_receipt(conn: Connection, customer_id: int, payment_id: int) -> Document:
    return receipt_document(
        conn, customer_id, payment_id, ISSUER, actor="nila", now=LATER
    )


def count(conn: Connection) -> int:
    ((documents,),) = rows(conn, "SELECT count(*) FROM document")
    return int(documents)


def test_a_bill_tells_number_amount_and_customer(conn: Connection) -> None:
    customer_id, bill = billed(conn)
    document = ask(conn, bill)
    text = text_of(document.content)
    for told in (bill, "BDT 600.00", "Abdur Rahim", "27 Mirpur Road", "Example Net"):
        assert told in text
    assert username_of(conn, customer_id) in text
    assert document.filename == f"bill-{bill}.pdf"
    assert document.sha256 == hashlib.sha256(document.content).hexdigest()
    assert document.template_version >= 1


def test_who_asks_again_gets_the_same_bytes_whatever_was_changed_since(
    conn: Connection,
) -> None:
    customer_id, bill = billed(conn)
    first = ask(conn, bill)
    conn.execute("UPDATE customer SET name = 'Somebody', address = 'Elsewhere'")
    paid(conn, customer_id)
    moved = replace(ISSUER, provider=replace(ISSUER.provider, address="Chattogram"))

    assert ask(conn, bill, now=LATER, issuer=moved) == first
    assert count(conn) == 1


def test_many_who_ask_at_once_get_one_document(
    conn: Connection, database_url: str
) -> None:
    _, bill = billed(conn)
    got = at_once(database_url, [lambda own: ask(own, bill)] * 4)
    contents = {one.content for one in got if isinstance(one, Document)}
    assert len(contents) == 1, got
    assert count(conn) == 1
    assert ask(conn, bill).content in contents


def test_it_is_written_in_the_customers_language_unless_another_is_named(
    conn: Connection,
) -> None:
    _, bill = billed(conn)
    english = ask(conn, bill)
    conn.execute("UPDATE customer SET language = 'bn'")
    bangla = ask(conn, bill)
    assert (english.language, bangla.language) == ("en", "bn")
    assert "Pay before" in text_of(english.content)
    assert "Pay before" not in text_of(bangla.content)
    # In Latin digits in both.
    assert bill in text_of(bangla.content)
    assert "600.00" in text_of(bangla.content)
    assert ask(conn, bill, language="en") == english
    assert count(conn) == 2


def test_a_void_bill_is_another_document_and_the_first_one_stays(
    conn: Connection,
) -> None:
    _, bill = billed(conn)
    first = ask(conn, bill)
    void_bill(conn, bill, reason="wrong", actor="nila", now=LATER)

    void = ask(conn, bill, now=LATER)
    assert "VOID" in text_of(void.content)
    assert "VOID" not in text_of(first.content)
    assert rows(conn, "SELECT content FROM document ORDER BY document_id") == [
        (first.content,),
        (void.content,),
    ]


def test_another_due_date_is_another_document(conn: Connection) -> None:
    _, bill = billed(conn)
    first = text_of(ask(conn, bill).content)
    move_due_date(
        conn, bill, dhaka(2026, 3, 9), reason="asked", actor="nila", now=JANUARY
    )
    assert "9 Mar 2026" in text_of(ask(conn, bill).content)
    assert "9 Mar 2026" not in first


def test_a_credit_note_is_a_document_of_its_own(conn: Connection) -> None:
    _, bill = billed(conn)
    before = ask(conn, bill)
    note = credit_bill(
        conn, bill, D("150"), reason="slow", key="k", actor="nila", now=JANUARY
    )
    document = ask(conn, note)
    text = text_of(document.content)
    for told in (note, bill, "150.00", "slow", "Credit note"):
        assert told in text
    assert document.filename == f"credit-note-{note}.pdf"
    assert ask(conn, note, now=LATER) == document
    assert ask(conn, bill, now=LATER) == before


def test_the_vat_number_is_that_of_the_bills_profile(conn: Connection) -> None:
    vat = insert_vat_profile(
        conn,
        "VAT",
        registration_number="009876543-0202",
        inclusive=False,
        rates=[(JANUARY.date() - timedelta(days=9), D("5.00"))],
    )
    _, bill = billed(conn, vat_profile_id=vat)
    text = text_of(ask(conn, bill, issuer=WITHOUT_NUMBER).content)
    for told in ("BIN 009876543-0202", "Mushak-6.3", "600.00", "30.00", "630.00"):
        assert told in text


def test_a_bill_that_has_no_number_yet_is_not_printed(conn: Connection) -> None:
    customer_id, bill = billed(conn)
    ((bill_id,),) = rows(conn, "SELECT bill_id FROM bill WHERE number = %s", bill)
    # As bills are that logins issue, until the next job.
    conn.execute("UPDATE bill SET number = NULL")
    with pytest.raises(NotNumberedError, match="no number yet"):
        bill_document(conn, customer_id, bill_id, ISSUER, actor="nila", now=NOON)
    assert count(conn) == 0


def test_nobody_gets_a_bill_by_the_id_of_somebody_else(conn: Connection) -> None:
    customer_id, bill = billed(conn)
    ((bill_id,),) = rows(conn, "SELECT bill_id FROM bill WHERE number = %s", bill)
    with pytest.raises(UnknownBillError):
        bill_document(conn, customer_id + 1, bill_id, ISSUER, actor="nila", now=NOON)


def test_a_receipt_tells_what_the_money_did_and_stays(conn: Connection) -> None:
    customer_id, bill = billed(conn)
    payment_id, _ = paid(conn, customer_id)
    document = ask_receipt(conn, customer_id, payment_id)
    text = text_of(document.content)
    for told in (f"R{payment_id}", "BDT 1,000.00", bill, "600.00", "400.00", "nila"):
        assert told in text
    assert document.filename == f"receipt-R{payment_id}.pdf"
    assert ask_receipt(conn, customer_id, payment_id) == document


def test_a_payment_that_was_taken_back_says_so_on_a_receipt_of_its_own(
    conn: Connection,
) -> None:
    customer_id, _ = billed(conn)
    payment_id, entry_id = paid(conn, customer_id)
    first = ask_receipt(conn, customer_id, payment_id)
    reverse_entry(
        conn,
        username_of(conn, customer_id),
        entry_id,
        reason="forged note",
        operator="nila",
        now=LATER,
    )
    again = ask_receipt(conn, customer_id, payment_id)
    assert "REVERSED" in text_of(again.content)
    assert "forged note" in text_of(again.content)
    assert "REVERSED" not in text_of(first.content)
    assert audit(conn) == []


def test_each_refund_is_on_the_receipts_after_it(conn: Connection) -> None:
    customer_id, _ = billed(conn)
    payment_id, _ = paid(conn, customer_id)
    for amount in ("120", "130"):
        refund_payment(
            conn,
            f"R{payment_id}",
            D(amount),
            reason="moved away",
            key=amount,
            by="cash",
            operator="nila",
            now=LATER,
        )
        ask_receipt(conn, customer_id, payment_id)
    one, two = (
        text_of(content)
        for (content,) in rows(
            conn, "SELECT content FROM document ORDER BY document_id"
        )
    )
    assert "120.00" in one
    assert "130.00" not in one
    assert "120.00" in two
    assert "130.00" in two
    assert "given back" in two


def test_the_database_keeps_what_was_issued(conn: Connection) -> None:
    _, bill = billed(conn)
    ask(conn, bill)
    for rewriting in (
        "UPDATE document SET content = 'x'",
        "DELETE FROM document",
        "TRUNCATE document",
    ):
        with pytest.raises(errors.DatabaseError, match="append-only"):
            conn.execute(rewriting)


def test_what_would_fill_the_disk_is_refused_by_name(conn: Connection) -> None:
    customer_id, bill = billed(conn)
    with pytest.raises(DocumentTooLargeError, match=bill):
        insert_document(
            conn,
            Key(customer_id, "bill", bill, "", "en"),
            bytes(2**20 + 1),
            template_version=1,
            actor="nila",
            now=NOON,
        )


def test_every_way_to_pay_has_a_word(conn: Connection) -> None:
    ((rule,),) = rows(
        conn,
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conname = 'payment_method_known'",
    )
    methods = re.findall(r"'([a-z]+)'", rule)
    assert len(methods) > 1
    assert {f"method_{method}" for method in methods} <= words_in("bn").keys()


def test_khata_writes_bills_and_receipts(
    conn: Connection, database_url: str, tmp_path: Path
) -> None:
    khata = khata_for(database_url, tmp_path)
    with khata.config.open("a", encoding="utf-8") as config:
        config.write('provider = "Dhaka Net"\nprovider_address = "Road 5"\n')
    customer_id, bill = billed(conn)
    payment_id, _ = paid(conn, customer_id)

    file = tmp_path / "bill.pdf"
    told = khata.ok("bill", "pdf", bill, "--out", str(file), "--json").json
    assert told["number"] == bill
    assert told["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert "Dhaka Net Road 5" in text_of(file.read_bytes())

    khata.ok("bill", "pdf", bill, "--language", "bn", "--out", str(file))
    assert "Pay before" not in text_of(file.read_bytes())

    name = f"R{payment_id}"
    shown = khata.ok("pay", "receipt", name, "--pdf", str(file)).out
    assert f"Receipt {name}" in shown
    assert name in text_of(file.read_bytes())


def test_khata_says_what_it_cannot_write(
    conn: Connection, database_url: str, tmp_path: Path
) -> None:
    khata = khata_for(database_url, tmp_path)
    _, bill = billed(conn)
    nowhere = khata("bill", "pdf", bill, "--out", str(tmp_path / "no" / "bill.pdf"))
    assert nowhere.code == 1
    assert "No such file" in nowhere.err
    assert khata("bill", "pdf", "B-99999999").code == 1
    assert khata("bill", "pdf", bill, "--language", "fr").code == 2
