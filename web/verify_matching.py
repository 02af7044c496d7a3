"""Approve all that agrees with its gateway's answer, after a look at it."""

from collections.abc import Sequence
from decimal import Decimal

from flask import abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from billing_core.db import web_verify as db
from billing_core.errors import BillingError
from billing_core.money import ZERO
from billing_core.payments import AttemptState
from billing_core.permissions import Permission
from billing_core.services.payments.deciding import approve_matching
from web.access import Page, current_operator, my_attempt, operator_pages
from web.desk import desk
from web.filters import money, number
from web.verify import QueueRow, filter_form, rows_of

pages = operator_pages(
    "verify_matching", "/verify/matching", needs=Permission.VERIFY_PAYMENTS
)

#: As many are approved by one click as a page can show.
_AT_ONCE_MAX = 200


@pages.get("")
def ask() -> Page:
    """Show what matches and would be approved together, and its sum."""
    form = filter_form()
    if not form.validate():
        abort(400)
    wanted = db.AttemptFilter(
        form.q.data, AttemptState.CONFIRMED, form.gateway.data or None
    )
    found = db.find_waiting(
        desk().conn,
        wanted,
        current_operator().scope,
        after=None,
        limit=_AT_ONCE_MAX,
    )
    rows = [row for row in rows_of(found) if row.shown.is_matching]
    return render_template("verify/matching.html", rows=rows, total=_sum(rows))


@pages.post("")
def approve() -> Page:
    """Approve those that were shown, as far as they match still."""
    keys = dict.fromkeys(request.form.getlist("attempt"))
    if not keys or len(keys) > _AT_ONCE_MAX:
        raise BillingError(_("Nothing was chosen."))
    pairs = [key.partition("-") for key in keys]
    if not all(
        a.isdecimal() and b.isdecimal() and len(a) < 19 and len(b) < 19
        for a, _dash, b in pairs
    ):
        abort(400)
    mine = [my_attempt(int(a), int(b)) for a, _dash, b in pairs]
    at = desk()
    approved = approve_matching(
        at.conn, [each.attempt_id for each in mine], operator=at.actor, now=at.now
    )
    total = sum((each.amount for each in approved), ZERO)
    flash(
        _(
            "%(count)s payment(s) approved, %(total)s together.",
            count=number(len(approved)),
            total=money(total),
        )
    )
    done = {each.attempt_id for each in approved}
    for each in mine:
        if each.attempt_id not in done:
            flash(
                _(
                    "%(reference)s was left as it is: somebody, or a new answer,"
                    " was faster.",
                    reference=each.reference,
                ),
                "error",
            )
    return redirect(url_for("verify.index"), 303)


def _sum(rows: Sequence[QueueRow]) -> Decimal:
    return sum((row.said or row.attempt.amount for row in rows), ZERO)
