"""What documents tell, and the documents that were made."""

from dataclasses import dataclass
from datetime import datetime

from psycopg import errors
from psycopg.rows import class_row

from billing_core.db.connect import Connection
from billing_core.db.corrections import UnknownBillError
from billing_core.db.customers import UnknownCustomerError
from billing_core.db.queries import load_queries
from billing_core.documents.papers import (
    BillPaper,
    CreditNotePaper,
    Customer,
    PaperLine,
)
from billing_core.errors import BillingError

_QUERIES = load_queries("documents")


class DocumentTooLargeError(BillingError):
    """A document has a size that nobody can have meant."""

    def __init__(self, subject: str) -> None:
        super().__init__(f"The PDF of {subject} is larger than 1 MiB.")


@dataclass(frozen=True, slots=True)
class Key:
    """Which document it is: there is never a second one of these."""

    customer_id: int
    kind: str
    subject: str
    standing: str
    language: str


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it was made, for ever."""

    kind: str
    subject: str
    language: str
    template_version: int
    content: bytes
    #: Hexadecimal.
    sha256: str
    made_at: datetime
    made_by: str

    @property
    def filename(self) -> str:
        """Return the name of its file."""
        return f"{self.kind.replace('_', '-')}-{self.subject}.pdf"


def read_customer_paper(conn: Connection, customer_id: int) -> Customer:
    """Return what is printed of a customer."""
    with conn.cursor(row_factory=class_row(Customer)) as cursor:
        found = cursor.execute(
            _QUERIES["read_customer_paper"], {"customer_id": customer_id}
        ).fetchone()
    if found is None:
        raise UnknownCustomerError(str(customer_id))
    return found


def read_bill_paper(conn: Connection, customer_id: int, bill_id: int) -> BillPaper:
    """Return a bill as it is printed."""
    with conn.cursor(row_factory=class_row(BillPaper)) as cursor:
        found = cursor.execute(
            _QUERIES["read_bill_paper"],
            {"customer_id": customer_id, "bill_id": bill_id},
        ).fetchone()
    if found is None:
        raise UnknownBillError(str(bill_id))
    return found


def list_paper_lines(
    conn: Connection, customer_id: int, bill_id: int
) -> list[PaperLine]:
    """Return the lines of a bill."""
    with conn.cursor(row_factory=class_row(PaperLine)) as cursor:
        return cursor.execute(
            _QUERIES["list_paper_lines"],
            {"customer_id": customer_id, "bill_id": bill_id},
        ).fetchall()


def find_credit_note_paper(
    conn: Connection, customer_id: int, bill_id: int, number: str
) -> CreditNotePaper | None:
    """Return a credit note on a bill; None = the number is not of one."""
    with conn.cursor(row_factory=class_row(CreditNotePaper)) as cursor:
        return cursor.execute(
            _QUERIES["find_credit_note_paper"],
            {"customer_id": customer_id, "bill_id": bill_id, "number": number},
        ).fetchone()


def find_document(conn: Connection, key: Key) -> Document | None:
    """Return a document that was made before."""
    with conn.cursor(row_factory=class_row(Document)) as cursor:
        return cursor.execute(_QUERIES["find_document"], _named(key)).fetchone()


def insert_document(
    conn: Connection,
    key: Key,
    content: bytes,
    *,
    template_version: int,
    actor: str,
    now: datetime,
) -> None:
    """Keep a document, unless somebody else made it in the meantime."""
    facts = {
        "template_version": template_version,
        "content": content,
        "actor": actor,
        "now": now,
    }
    try:
        conn.execute(_QUERIES["insert_document"], _named(key) | facts)
    except errors.CheckViolation as error:
        if (error.diag.constraint_name or "").startswith("document_size_bounded"):
            raise DocumentTooLargeError(key.subject) from None
        raise


def _named(key: Key) -> dict[str, object]:
    return {
        "customer_id": key.customer_id,
        "kind": key.kind,
        "subject": key.subject,
        "standing": key.standing,
        "language": key.language,
    }
