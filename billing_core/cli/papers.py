"""`khata bill pdf`, and how a receipt is written as PDF."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from billing_core.cli.context import Desk, at_desk
from billing_core.cli.output import json_option, show
from billing_core.errors import BillingError

if TYPE_CHECKING:
    from billing_core.db.documents import Document
    from billing_core.documents.writing import Issuer

language_option = click.option(
    "--language",
    type=click.Choice(["en", "bn"]),
    help="Of the PDF. [the customer's]",
)


class PdfFileError(BillingError):
    """The PDF cannot be written there."""


@click.command("pdf")
@click.argument("number")
@language_option
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write; - is standard output. [bill-NUMBER.pdf]",
)
@json_option
def pdf(number: str, language: str | None, out: Path | None, as_json: bool) -> None:
    """Write bill or credit note NUMBER as PDF.

    It is made once: who asks again gets the same bytes, whatever was changed since.
    """
    # WeasyPrint takes most of a second to import: only those wait for it who print.
    from billing_core.services.documents import numbered_document

    with at_desk() as desk:
        document = numbered_document(
            desk.conn,
            number,
            issuer_at(desk),
            language=language,
            actor=desk.actor,
            now=desk.now,
        )
        file = write_document(document, out or Path(document.filename))
        if as_json:
            show(_told(document, file), desk.settings.zone)
        elif str(file) != "-":
            click.echo(f"{file}: sha256 {document.sha256}")


def write_receipt_pdf(
    desk: Desk, customer_id: int, payment_id: int, language: str | None, out: Path
) -> None:
    """Write the receipt of a payment as PDF."""
    from billing_core.services.documents import receipt_document

    document = receipt_document(
        desk.conn,
        customer_id,
        payment_id,
        issuer_at(desk),
        language=language,
        actor=desk.actor,
        now=desk.now,
    )
    write_document(document, out)


def issuer_at(desk: Desk) -> "Issuer":
    """Return who issues documents here."""
    from billing_core.documents.writing import Issuer

    settings = desk.settings
    return Issuer(settings.provider, settings.currency, settings.zone)


def write_document(document: "Document", out: Path) -> Path:
    """Write a document to a file, or to standard output."""
    try:
        if str(out) == "-":
            click.echo(document.content, nl=False)
        else:
            out.write_bytes(document.content)
    except OSError as error:
        raise PdfFileError(f"{out}: {error.strerror}.") from None
    return out


def _told(document: "Document", file: Path) -> dict[str, object]:
    return {
        "file": str(file),
        "kind": document.kind,
        "number": document.subject,
        "language": document.language,
        "template_version": document.template_version,
        "sha256": document.sha256,
        "made_at": document.made_at,
        "made_by": document.made_by,
    }
