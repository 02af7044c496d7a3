"""Runs of billing jobs, and whether the programs that do them are at work."""

from datetime import datetime, timedelta

from flask import render_template
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from billing_core.db import web_logs as db
from billing_core.db.runs import list_parked
from billing_core.permissions import Permission
from web import lists
from web.access import Page, operator_pages
from web.desk import desk
from web.forms import BooleanField, FilterForm, Optional, SelectField, choices_of
from web.words import say

pages = operator_pages("runs", "/runs", needs=Permission.VIEW_LOGS)

_KINDS = ("cycles", "service_days")
_PROGRAMS = ("worker", "scheduler")
# A program beats each second.
_ALIVE_FOR = timedelta(seconds=15)
_LATELY = timedelta(hours=24)
_PARKED_SHOWN = 20


class RunFilterForm(FilterForm):
    """Which runs."""

    kind = SelectField(_l("Job"), [Optional()], default="")
    busy = BooleanField(_l("Only those that had something to do"))


@pages.get("")
def index() -> Page:
    """Show who is at work, what waits, and the runs, newest first."""
    at = desk()
    form = RunFilterForm.from_address()
    assert isinstance(form, RunFilterForm)  # noqa: S101 - narrows the type
    form.kind.choices = choices_of([(k, say(k)) for k in _KINDS], any_label=_("any"))
    size, slice_ = lists.page_size(), None
    if form.validate():
        rows = db.list_runs(
            at.conn,
            kind=form.kind.data or None,
            did_something=bool(form.busy.data),
            after=lists.after_id(),
            limit=size + 1,
        )
        last = str(rows[size - 1].run_id) if len(rows) > size else None
        slice_ = lists.cut(rows, last, size)
    page = render_template(
        "runs.html",
        form=form,
        slice=slice_,
        programs=_programs(at.now),
        backlogs=db.read_backlogs(at.conn, since=at.now - _LATELY, now=at.now),
        parked=list_parked(at.conn, limit=_PARKED_SHOWN),
    )
    return (page, 400) if slice_ is None else page


def _programs(now: datetime) -> list[tuple[str, datetime | None, bool]]:
    """Return each program that must be at work: its last beat, and whether it is."""
    beats = {beat.name: beat.at for beat in db.list_heartbeats(desk().conn)}
    found = []
    for name in _PROGRAMS:
        beat = beats.get(name)
        found.append((name, beat, beat is not None and beat > now - _ALIVE_FOR))
    return found
