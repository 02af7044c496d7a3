"""Billing Profile: how customers are billed, what that would do; VAT profiles."""

from decimal import Decimal

from flask import abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from billing_core.db import profiles as db
from billing_core.db.cycles import read_vat_profiles
from billing_core.db.profiles import NewProfile, ProfileInUse, UnknownProfileError
from billing_core.errors import BillingError
from billing_core.permissions import Permission
from billing_core.services import profiles as services
from web.access import Page, operator_pages
from web.desk import desk
from web.filters import day, number, percent
from web.forms import OperatorForm, choices_of, refuse
from web.profile_forms import (
    ProfileForm,
    ReplaceForm,
    VatForm,
    VatRateForm,
    profile_of,
    shape,
)
from web.profile_words import Explanation, explain

pages = operator_pages("profiles", "/profiles", needs=Permission.MANAGE_BILLING)

_PREVIEWED = 20
_MOVED_AT_ONCE = 200


@pages.get("")
def index() -> str:
    """List the billing profiles and VAT profiles, with who uses them."""
    conn = desk().conn
    return render_template(
        "profiles/list.html",
        profiles=db.list_profiles_in_use(conn),
        vats=db.list_vat_profiles(conn),
        vat_names={vat.vat_profile_id: vat.name for vat in db.list_vat_profiles(conn)},
    )


@pages.route("/add", methods=["GET", "POST"])
def add() -> Page:
    """Make a billing profile."""
    at, form = desk(), shape(ProfileForm(), desk().conn)
    if _is_sent() and form.validate():
        try:
            services.add_profile(at.conn, profile_of(form), actor=at.actor, now=at.now)
        except BillingError as error:
            refuse(form, error, _field_of(error))
        else:
            flash(_("Billing profile %(name)s is made.", name=form.name.data))
            return redirect(url_for("profiles.index"), 303)
    return _profile_page(form, None)


@pages.route("/<int:profile_id>", methods=["GET", "POST"])
def edit(profile_id: int) -> Page:
    """Say anew what a billing profile does."""
    at, profile = desk(), _profile(profile_id)
    form = shape(ProfileForm(obj=profile), at.conn, profile)
    if _is_sent() and form.validate():
        try:
            services.edit_profile(
                at.conn,
                profile_id,
                profile_of(form, profile),
                actor=at.actor,
                now=at.now,
            )
        except BillingError as error:
            refuse(form, error, _field_of(error))
        else:
            flash(_("Saved: it holds from the next bill on."))
            return redirect(url_for("profiles.index"), 303)
    return _profile_page(form, profile)


@pages.post("/preview")
def preview() -> str:
    """Show what a form's profile would do, as a part of its page."""
    profile_id = request.form.get("profile_id", "")
    is_known = profile_id.isdecimal() and len(profile_id) < 19
    profile = _profile(int(profile_id)) if is_known else None
    form = shape(ProfileForm(obj=profile), desk().conn, profile)
    return render_template(
        "profiles/_preview.html", told=_explanation(form, profile, _fits(form))
    )


@pages.route("/<int:profile_id>/replace", methods=["GET", "POST"])
def replace(profile_id: int) -> Page:
    """Move the customers of a profile to another: first what it costs, then so."""
    _profile(profile_id)
    at, form, moved = desk(), ReplaceForm(), None
    makes = request.form.get("step") == "make"
    form.to.choices = choices_of(
        (each.profile_id, each.name)
        for each in db.list_profiles(at.conn)
        if each.profile_id != profile_id
    )
    if request.method == "POST" and form.validate():
        try:
            moved = services.move_customers(
                at.conn,
                profile_id,
                int(form.to.data),
                after=_reached(form) if makes else 0,
                limit=_MOVED_AT_ONCE if makes else _PREVIEWED,
                preview=not makes,
                actor=at.actor,
                now=at.now,
                zone=at.settings.zone,
            )
        except BillingError as error:
            refuse(form, error, "to")
    if moved is not None and makes:
        form.after.data = str(moved.reached)
        flash(_("%(count)s customer(s) moved.", count=number(len(moved.changes))))
        if not _profile(profile_id).customers:
            return redirect(url_for("profiles.index"), 303)
    page = render_template(
        "profiles/replace.html",
        profile=_profile(profile_id),
        form=form,
        moved=moved,
        made=makes,
    )
    return (page, 422) if form.errors else page


@pages.route("/<int:profile_id>/delete", methods=["GET", "POST"])
def delete(profile_id: int) -> Page:
    """Delete a profile that nobody is on."""
    at, profile, form = desk(), _profile(profile_id), OperatorForm()
    if request.method == "POST" and form.validate():
        try:
            services.delete_profile(at.conn, profile_id, actor=at.actor, now=at.now)
        except BillingError as error:
            refuse(form, error)
        else:
            flash(_("Billing profile %(name)s is deleted.", name=profile.name))
            return redirect(url_for("profiles.index"), 303)
    page = render_template("profiles/delete.html", profile=profile, form=form)
    return (page, 422) if form.errors else page


@pages.route("/vat/add", methods=["GET", "POST"])
def add_vat() -> Page:
    """Make a VAT profile with its first rate."""
    at, form = desk(), VatForm()
    if request.method == "POST" and form.validate():
        try:
            services.add_vat_profile(
                at.conn,
                form.name.data,
                registration_number=form.registration_number.data or "",
                inclusive=form.inclusive.data == "yes",
                rates=[(form.effective_from.data, form.percent.data or Decimal(0))],
                actor=at.actor,
                now=at.now,
            )
        except BillingError as error:
            refuse(form, error, "name")
        else:
            flash(_("VAT profile %(name)s is made.", name=form.name.data))
            return redirect(url_for("profiles.index"), 303)
    page = render_template(
        "profiles/vat.html", form=form, title=_("Add a VAT profile"), told=""
    )
    return (page, 422) if form.errors else page


@pages.route("/vat/<int:vat_profile_id>/rate", methods=["GET", "POST"])
def add_vat_rate(vat_profile_id: int) -> Page:
    """Let a VAT profile have another rate from a day on."""
    at, form = desk(), VatRateForm()
    found = read_vat_profiles(at.conn).get(vat_profile_id)
    if found is None:
        abort(404)
    if request.method == "POST" and form.validate():
        try:
            services.add_vat_rate(
                at.conn,
                vat_profile_id,
                form.effective_from.data,
                form.percent.data or Decimal(0),
                actor=at.actor,
                now=at.now,
            )
        except BillingError as error:
            refuse(form, error, "effective_from")
        else:
            flash(
                _(
                    "%(name)s has %(percent)s %% from %(day)s.",
                    name=found.name,
                    percent=percent(form.percent.data or Decimal(0)),
                    day=day(form.effective_from.data),
                )
            )
            return redirect(url_for("profiles.index"), 303)
    page = render_template(
        "profiles/vat.html",
        form=form,
        title=_("New rate of %(name)s", name=found.name),
        told=_(
            "Bills of periods that begin on that day or later have it; those that"
            " are issued keep theirs."
        ),
    )
    return (page, 422) if form.errors else page


def _profile(profile_id: int) -> ProfileInUse:
    try:
        return db.read_profile_in_use(desk().conn, profile_id)
    except UnknownProfileError:
        abort(404)


def _reached(form: ReplaceForm) -> int:
    """Return the customer up to whom they were moved before."""
    text = form.after.data or ""
    return int(text) if text.isdecimal() and len(text) < 19 else 0


def _is_sent() -> bool:
    """Tell whether the form is to be saved, not only looked at."""
    return request.method == "POST" and request.form.get("step") != "look"


def _profile_page(form: ProfileForm, profile: ProfileInUse | None) -> Page:
    looks = request.method == "POST" and not _is_sent()
    fits = _fits(form) if looks else not form.errors
    page = render_template(
        "profiles/edit.html",
        form=form,
        profile=profile,
        told=_explanation(form, profile, fits),
    )
    return (page, 422) if form.errors else page


def _fits(form: ProfileForm) -> bool:
    """Tell whether a form says what a profile does; it may not have a name yet."""
    return form.validate() or set(form.errors) <= {"name"}


def _explanation(
    form: ProfileForm, profile: ProfileInUse | None, fits: bool
) -> Explanation | None:
    """Say what the profile does; None = it is not one yet."""
    at = desk()
    if not fits:
        return None
    if request.method == "GET":
        wanted: NewProfile = profile or NewProfile(name="", billing_type="monthly")
    else:
        wanted = profile_of(form, profile)
    return explain(
        at.conn,
        wanted,
        package_name=form.sample_package.data or None,
        joins_on=form.joins_on.data or at.now.astimezone(at.settings.zone).date(),
        zone=at.settings.zone,
    )


def _field_of(error: BillingError) -> str | None:
    """Tell which field an error is about."""
    text = str(error)
    if "has this name" in text:
        return "name"
    return "bill_day" if "bill day" in text else None
