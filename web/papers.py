"""Hand out documents as PDF."""

from flask import Response

from billing_core.db.documents import Document
from billing_core.documents.writing import Issuer
from web.desk import desk


def issuer() -> Issuer:
    """Return who issues documents here."""
    settings = desk().settings
    return Issuer(settings.provider, settings.currency, settings.zone)


def pdf_of(document: Document) -> Response:
    """Send a document to be looked at; saved, it has its number as a name."""
    return Response(
        document.content,
        mimetype="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{document.filename}"'},
    )
