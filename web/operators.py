"""Operators: who works in these pages, and what each may do."""

from flask import abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from billing_core.db import operators as db
from billing_core.errors import BillingError
from billing_core.operator_passwords import PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN
from billing_core.permissions import (
    OPERATOR,
    SUB_OPERATOR,
    Permission,
    can_be_given,
    roles_below,
)
from billing_core.services import operators as service
from web.access import Page, current_operator, operator_pages
from web.acting import Act, ChecksField, act
from web.desk import desk
from web.forms import (
    LANGUAGE_CHOICES,
    DataRequired,
    Length,
    OperatorForm,
    PasswordField,
    SelectField,
    StringField,
    choices_of,
    refuse,
)
from web.operator_words import PERMISSIONS, ROLES
from web.words import say

pages = operator_pages("operators", "/operators", needs=Permission.MANAGE_OPERATORS)

_EVENTS_SHOWN = 30
_PASSWORD = [DataRequired(), Length(PASSWORD_LENGTH_MIN, PASSWORD_LENGTH_MAX)]


class TermsForm(OperatorForm):
    """What an operator is and may do."""

    name = StringField(_l("Name"), [Length(max=200)])
    role = SelectField(_l("Role"), [DataRequired()])
    parent = SelectField(_l("Works for"), default="")
    language = SelectField(_l("Language"), choices=LANGUAGE_CHOICES)
    permissions = ChecksField(_l("May, beyond his role"))


class NewForm(TermsForm):
    """An operator to take on."""

    username = StringField(
        _l("Username"),
        [DataRequired(), Length(max=63)],
        description=_l("Small letters, digits, . _ and -"),
    )
    password = PasswordField(
        _l("Password"),
        _PASSWORD,
        description=_l("At least 10 characters; he can change it."),
    )


class ResetForm(OperatorForm):
    """A new password for somebody who forgot his."""

    password = PasswordField(_l("New password"), _PASSWORD)


@pages.get("")
def index() -> str:
    """List the operators that one may change: all, or those below oneself."""
    return render_template("operators/list.html", rows=_mine(), roles=ROLES)


@pages.route("/new", methods=["GET", "POST"])
def add() -> Page:
    """Take an operator on."""
    at, form = desk(), NewForm()
    _offer(form)
    if request.method == "POST" and form.validate():
        try:
            service.add_operator(
                at.conn,
                form.username.data,
                form.password.data,
                form.role.data,
                name=form.name.data or "",
                parent=form.parent.data or None,
                permissions=form.permissions.data,
                language=form.language.data,
                by_reseller=current_operator().scope is not None,
                actor=at.actor,
                now=at.now,
            )
        except service.NameOnCardsError as error:
            refuse(form, error, "username")
        except BillingError as error:
            refuse(form, error)
        else:
            flash(_("%(name)s may log in.", name=form.username.data))
            return redirect(url_for("operators.index"), 303)
    page = render_template(
        "operators/form.html", form=form, one=None, roles=ROLES, words=PERMISSIONS
    )
    return (page, 422) if form.errors else page


@pages.get("/<int:operator_id>")
def show(operator_id: int) -> str:
    """Show one operator: what he may, and what was done by and to him."""
    one = _my_operator(operator_id)
    return render_template(
        "operators/show.html",
        one=one,
        given=[p for p in Permission if p.value in one.permissions],
        words=PERMISSIONS,
        roles=ROLES,
        events=db.list_operator_events(desk().conn, one.username, limit=_EVENTS_SHOWN),
    )


@pages.route("/<int:operator_id>/edit", methods=["GET", "POST"])
def edit(operator_id: int) -> Page:
    """Say anew what an operator is called, is and may do."""
    one, at = _my_operator(operator_id), desk()
    form = TermsForm(
        name=one.name,
        role=one.role,
        parent=one.parent or "",
        language=one.language,
        permissions=one.permissions,
    )
    offered = _offer(form, one)
    if request.method == "POST" and form.validate():
        # What one cannot give oneself is not taken away by editing the rest.
        kept = set(one.permissions) - offered
        try:
            service.change_operator(
                at.conn,
                one.username,
                name=form.name.data or "",
                permissions=kept | set(form.permissions.data),
                language=form.language.data,
                role=form.role.data,
                parent=form.parent.data or None,
                actor=at.actor,
                now=at.now,
            )
        except BillingError as error:
            refuse(form, error)
        else:
            flash(_("Saved; it holds from his next click."))
            return redirect(url_for("operators.show", operator_id=operator_id), 303)
    page = render_template(
        "operators/form.html", form=form, one=one, roles=ROLES, words=PERMISSIONS
    )
    return (page, 422) if form.errors else page


@pages.route("/<int:operator_id>/disable", methods=["GET", "POST"])
def disable(operator_id: int) -> Page:
    """Shut an operator out, or let him in again."""
    one, at = _my_operator(operator_id), desk()
    if one.operator_id == current_operator().operator_id:
        abort(403)
    disables = not one.is_disabled

    def do() -> None:
        service.set_disabled(
            at.conn, one.username, is_disabled=disables, actor=at.actor, now=at.now
        )
        flash(
            _("%(name)s is shut out.", name=one.username)
            if disables
            else _("%(name)s may log in again.", name=one.username)
        )

    if disables:
        asked = _asks(
            one,
            _("Shut out"),
            _("Shut him out"),
            _(
                "He and everybody below him are logged out at once and cannot log in."
                " His customers' service goes on."
            ),
            hurts=True,
        )
    else:
        asked = _asks(
            one, _("Let in again"), _("Let him in"), _("His password is as it was.")
        )
    return act(OperatorForm(), do, asked)


@pages.route("/<int:operator_id>/password", methods=["GET", "POST"])
def reset_password(operator_id: int) -> Page:
    """Give an operator another password."""
    one, at, form = _my_operator(operator_id), desk(), ResetForm()

    def do() -> None:
        service.set_password(
            at.conn, one.username, form.password.data, actor=at.actor, now=at.now
        )
        flash(_("%(name)s has a new password.", name=one.username))

    told = _("He is logged out everywhere. Tell him the password; he can change it.")
    return act(form, do, _asks(one, _("New password"), _("Set it"), told))


@pages.route("/<int:operator_id>/second-factor", methods=["GET", "POST"])
def forget_totp(operator_id: int) -> Page:
    """Let an operator log in without the authenticator that he lost."""
    one, at = _my_operator(operator_id), desk()
    if not one.has_totp:
        return redirect(url_for("operators.show", operator_id=operator_id), 303)

    def do() -> None:
        service.set_totp(
            at.conn,
            one.username,
            None,
            secret_key=at.settings.secret_key,
            actor=at.actor,
            now=at.now,
        )
        flash(_("%(name)s has no second factor now.", name=one.username))

    told = _(
        "His password alone lets him in until he enrols another authenticator. Be sure"
        " that it is him who asks."
    )
    asked = _asks(one, _("Remove second factor"), _("Remove it"), told, hurts=True)
    return act(OperatorForm(), do, asked)


def _mine() -> list[db.Operator]:
    """Return whom one may change: everybody, or those below oneself."""
    me = current_operator()
    found = db.list_operators(desk().conn, me.scope)
    if me.scope is None:
        return found
    return [one for one in found if one.operator_id != me.operator_id]


def _my_operator(operator_id: int) -> db.Operator:
    found = {one.operator_id: one for one in _mine()}
    if operator_id not in found:
        abort(404)
    return found[operator_id]


def _offer(form: TermsForm, one: db.Operator | None = None) -> set[str]:
    """Offer the roles, places and permissions that one may give; returns the last."""
    me = current_operator()
    roles = roles_below(me.role)
    form.role.choices = choices_of((role, say(role)) for role in roles)
    sellers = [
        (o.username, o.name or o.username)
        for o in db.list_operators(desk().conn, me.scope)
        if o.role in (OPERATOR, SUB_OPERATOR)
        and not (one is not None and o.operator_id == one.operator_id)
    ]
    form.parent.choices = choices_of(
        sellers, any_label=_("the provider") if me.scope is None else None
    )
    # What his role has by itself is not asked for.
    named = roles if one is None else (one.role,)
    can = {permission for role in named for permission in can_be_given(role)}
    offered = [p for p in PERMISSIONS if p in can & me.may]
    form.permissions.choices = choices_of((p.value, PERMISSIONS[p]) for p in offered)
    return {p.value for p in offered}


def _asks(
    one: db.Operator, title: str, button: str, told: str, *, hurts: bool = False
) -> Act:
    back = url_for("operators.show", operator_id=one.operator_id)
    return Act(
        title=title,
        button=button,
        back=back,
        crumbs=[(_("Operators"), url_for("operators.index")), (one.username, back)],
        told=[told],
        hurts=hurts,
    )
