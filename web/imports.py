"""Import customers from a CSV: look at every row first, then take all of them on."""

import csv
import io

from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField, FileRequired

from billing_core.customer_csv import COLUMNS, NEEDED
from billing_core.db import imports as db
from billing_core.db.imports import CustomerImport, UnknownImportError
from billing_core.errors import BillingError
from billing_core.permissions import Permission
from billing_core.services import imports as service
from web.access import Page, current_operator, may, operator_pages
from web.desk import desk
from web.filters import number
from web.forms import OperatorForm, refuse
from web.import_words import MEANINGS

pages = operator_pages("imports", "/imports", needs=Permission.ADD_CUSTOMERS)

_SHOWN = 20


class UploadForm(OperatorForm):
    """The file."""

    file = FileField(
        _l("CSV file"),
        [FileRequired(_l("Choose a file."))],
        description=_l("UTF-8; commas, semicolons or tabs; up to 8 MB."),
    )


@pages.route("", methods=["GET", "POST"])
def index() -> Page:
    """Ask for a file, look at it, and show the files of before."""
    at, form, me = desk(), UploadForm(), current_operator()
    if request.method == "POST" and form.validate():
        content = form.file.data.read()
        try:
            _check(content)
            import_id = service.keep_file(
                at.conn,
                content,
                file_name=form.file.data.filename or "",
                secret_key=at.settings.secret_key,
                actor=at.actor,
                now=at.now,
            )
        except BillingError as error:
            refuse(form, error, "file")
        else:
            return redirect(url_for("imports.show", import_id=import_id), 303)
    mine = None if me.scope is None else at.actor
    page = render_template(
        "imports/index.html",
        form=form,
        rows=db.list_imports(at.conn, mine, limit=_SHOWN),
        meanings=MEANINGS,
        needed=NEEDED,
    )
    return (page, 422) if form.errors else page


@pages.get("/template.csv")
def template() -> Response:
    """Hand out the head of a file: every column there is."""
    buffer = io.StringIO()
    csv.writer(buffer).writerow(COLUMNS)
    return Response(
        # With the mark by which spreadsheets know UTF-8.
        "\ufeff" + buffer.getvalue(),
        mimetype="text/csv",
        headers={"Content-Disposition": 'attachment; filename="customers.csv"'},
    )


@pages.route("/<int:import_id>", methods=["GET", "POST"])
def show(import_id: int) -> Page:
    """Show what a file holds and what is wrong with it; take its customers on."""
    at, kept, form = desk(), _my_import(import_id), OperatorForm()
    if request.method == "POST" and form.validate():
        try:
            count = service.import_kept(
                at.conn,
                import_id,
                _sellers(),
                secret_key=at.settings.secret_key,
                actor=at.actor,
                now=at.now,
            )
        except BillingError as error:
            refuse(form, error)
        else:
            flash(_("%(count)s customer(s) are taken on.", count=number(count)))
            return redirect(url_for("imports.show", import_id=import_id), 303)
    checked = None
    if kept.sealed is not None:
        checked = _check(service.open_file(kept, at.settings.secret_key))
    page = render_template(
        "imports/show.html",
        form=form,
        kept=kept,
        checked=checked,
        before=db.find_imported(at.conn, kept.sha256),
        most=service.PROBLEMS_MAX,
    )
    return (page, 422) if form.errors else page


@pages.post("/<int:import_id>/forget")
def forget(import_id: int) -> Page:
    """Throw a file away that is not to be imported."""
    kept = _my_import(import_id)
    db.forget_file(desk().conn, kept.import_id)
    flash(_("The file is thrown away."))
    return redirect(url_for("imports.index"), 303)


def _check(content: bytes) -> service.Checked:
    at = desk()
    return service.check_file(
        at.conn, content, _sellers(), secret_key=at.settings.secret_key, now=at.now
    )


def _sellers() -> service.Sellers:
    me = current_operator()
    return service.sellers_of(
        desk().conn,
        me.scope,
        me.owner,
        may_discount=may(Permission.GIVE_DISCOUNTS),
    )


def _my_import(import_id: int) -> CustomerImport:
    """Return a file that the operator chose; passwords of others' stand in others."""
    at = desk()
    try:
        kept = db.read_import(at.conn, import_id)
    except UnknownImportError:
        abort(404)
    if kept.actor != at.actor:
        abort(404)
    return kept
