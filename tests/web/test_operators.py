"""Operators' pages: who may change whom, and what follows at once."""

import pytest

from billing_core.db.operators import find_operator
from billing_core.services import operators as service
from tests.builders import NOON, a_customer, a_package, rows
from tests.cards import a_batch
from tests.web.conftest import PASSWORD, Site

NEW = {
    "username": "karim",
    "password": PASSWORD,
    "name": "Karim",
    "role": "manager",
    "parent": "",
    "language": "bn",
    "permissions": ["take_payments", "view_bills"],
}


def reseller(site: Site) -> object:
    """Let mirpur, a reseller, have operators below him."""
    return site.as_somebody("mirpur", "operator", ("manage_operators",))


def events(site: Site) -> list[tuple[object, ...]]:
    return rows(
        site.conn,
        "SELECT actor, what, note FROM operator_event WHERE actor LIKE 'operator:%%'"
        " ORDER BY operator_event_id",
    )


def test_an_admin_takes_a_manager_on_who_may_just_what_is_ticked(site: Site) -> None:
    admin = site.as_admin()
    assert "Add an operator" in admin.get("/operators").text

    answer = admin.post("/operators/new", NEW)

    assert answer.status_code == 303
    karim = find_operator(site.conn, "karim")
    assert karim.permissions == ["take_payments", "view_bills"]
    assert (karim.role, karim.parent, karim.language) == ("manager", None, "bn")
    assert events(site) == [("operator:boss", "operator added", "karim, manager")]
    page = admin.get(f"/operators/{karim.operator_id}").text
    assert "take payments" in page
    assert "operator added" in page


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"username": "Not Plain"}, "small letters"),
        ({"username": "boss"}, "taken"),
        ({"password": "short"}, "between 10"),
        ({"role": "king"}, "Not a valid choice"),
        ({"role": "sub_operator"}, "stands below an operator"),
        ({"permissions": ["fly"]}, "not a valid choice"),
        ({"role": "distributor"}, "cannot be given"),
    ],
)
def test_who_cannot_be_taken_on_is_told_why_and_nothing_is_lost(
    site: Site, change: dict[str, object], told: str
) -> None:
    admin = site.as_admin()

    answer = admin.post("/operators/new", NEW | {"name": "Still here"} | change)

    assert answer.status_code == 422
    assert told in answer.text
    assert "Still here" in answer.text
    assert len(rows(site.conn, "SELECT FROM operator")) == 1


def test_without_the_permission_nobody_sees_operators(site: Site) -> None:
    target = site.operator_id("karim", "manager")
    for path in ("", "/new", f"/{target}", f"/{target}/edit", f"/{target}/password"):
        assert site.as_operator("uttara").get(f"/operators{path}").status_code == 403
        assert site.anonymous().get(f"/operators{path}").status_code == 303


def test_a_reseller_sees_and_changes_only_those_below_him(site: Site) -> None:
    mirpur = reseller(site)
    below = site.operator_id("sub", "sub_operator", parent="mirpur")
    staff = site.operator_id("clerk", "manager", parent="sub")
    other = site.operator_id("uttara")
    his = site.operator_id("his", "manager", parent="uttara")
    me = site.operator_id("mirpur")

    page = mirpur.get("/operators").text  # type: ignore[attr-defined]

    assert "sub" in page
    assert "clerk" in page
    assert "uttara" not in page
    for operator_id in (below, staff):
        path = f"/operators/{operator_id}"
        assert mirpur.get(path).status_code == 200  # type: ignore[attr-defined]
    for operator_id in (other, his, me):
        for what in ("", "/edit", "/disable", "/password", "/second-factor"):
            path = f"/operators/{operator_id}{what}"
            assert mirpur.get(path).status_code == 404  # type: ignore[attr-defined]
    assert mirpur.post(f"/operators/{other}/disable").status_code == 404  # type: ignore[attr-defined]
    assert not find_operator(site.conn, "uttara").is_disabled


@pytest.mark.parametrize(
    "change",
    [
        {"role": "admin", "permissions": []},
        {"role": "operator", "permissions": []},
        {"role": "manager", "parent": "uttara"},
        {"role": "manager", "parent": ""},
        {"role": "manager", "permissions": ["manage_settings"]},
        {"role": "manager", "permissions": ["verify_payments"]},
    ],
)
def test_a_reseller_cannot_make_anybody_who_is_more_than_himself(
    site: Site, change: dict[str, object]
) -> None:
    mirpur = reseller(site)
    site.operator_id("uttara")

    answer = mirpur.post(  # type: ignore[attr-defined]
        "/operators/new", NEW | {"parent": "mirpur"} | change
    )

    assert answer.status_code == 422
    assert rows(site.conn, "SELECT FROM operator WHERE username = 'karim'") == []


@pytest.mark.parametrize("role", ["distributor", "manager", "sub_operator"])
def test_a_reseller_takes_on_nobody_under_a_name_that_cards_are_for(
    site: Site, role: str
) -> None:
    may = ("manage_operators", "manage_cards")
    mirpur = site.as_somebody("mirpur", "operator", may)
    batch = a_batch(site.conn, distributor="shop-1")
    one = NEW | {"role": role, "parent": "mirpur", "permissions": []}

    refused = mirpur.post("/operators/new", one | {"username": "shop-1"})
    free = mirpur.post("/operators/new", one | {"username": "shop-2"})

    assert mirpur.get(f"/cards/batches/{batch.batch_id}").status_code == 404
    assert mirpur.get(f"/cards/batches/{batch.batch_id}/print").status_code == 404
    assert refused.status_code == 422
    told = refused.text.partition('name="username"')[2].partition('name="password"')[0]
    assert "cards were made for a distributor of this name" in told
    assert rows(site.conn, "SELECT FROM operator WHERE username = 'shop-1'") == []
    assert free.status_code == 303


def test_an_admin_gives_cards_that_are_there_an_account_that_sees_them(
    site: Site,
) -> None:
    mirpur = site.as_somebody("mirpur", "operator", ("manage_cards",))
    batch = a_batch(site.conn, distributor="shop-1")
    shop = {"username": "shop-1", "role": "distributor", "parent": "mirpur"}

    made = site.as_admin().post("/operators/new", NEW | shop | {"permissions": []})

    assert made.status_code == 303
    assert mirpur.get(f"/cards/batches/{batch.batch_id}").status_code == 200


def test_what_is_edited_holds_at_once_and_the_rest_stays(site: Site) -> None:
    given = ("view_customers", "take_payments", "verify_payments")
    clerk = site.as_somebody("clerk", "manager", given)
    operator_id = site.operator_id("clerk")
    assert clerk.get("/customers").status_code == 200
    service_name = {"name": "Clerk", "role": "manager", "parent": "", "language": "en"}

    answer = site.as_admin().post(
        f"/operators/{operator_id}/edit",
        service_name | {"permissions": ["take_payments"]},
    )

    assert answer.status_code == 303
    assert clerk.get("/customers").status_code == 403
    assert find_operator(site.conn, "clerk").permissions == ["take_payments"]


def test_a_reseller_keeps_what_an_admin_gave_his_staff(site: Site) -> None:
    mirpur = reseller(site)
    operator_id = site.operator_id("sub", "sub_operator", parent="mirpur")
    service.change_operator(
        site.conn,
        "sub",
        name="",
        permissions=["verify_payments"],
        language="en",
        actor="t",
        now=NOON,
    )

    mirpur.post(  # type: ignore[attr-defined]
        f"/operators/{operator_id}/edit",
        {"name": "Sub", "role": "sub_operator", "parent": "mirpur", "language": "en"},
    )

    changed = find_operator(site.conn, "sub")
    assert (changed.name, changed.permissions) == ("Sub", ["verify_payments"])


def test_a_role_is_changed_only_where_nothing_hangs_on_it(site: Site) -> None:
    admin = site.as_admin()
    clerk = site.operator_id("clerk", "manager")
    uttara = site.operator_id("uttara")
    customer_id = a_customer(site.conn, a_package(site.conn))
    site.conn.execute(
        "UPDATE customer SET operator_id = %s WHERE customer_id = %s",
        [uttara, customer_id],
    )
    form = {"name": "", "parent": "", "language": "en", "permissions": []}

    made = admin.post(f"/operators/{clerk}/edit", form | {"role": "distributor"})
    refused = admin.post(f"/operators/{uttara}/edit", form | {"role": "manager"})
    below = form | {"role": "sub_operator", "parent": "uttara"}
    moved = admin.post(f"/operators/{clerk}/edit", below)

    assert made.status_code == 303
    assert refused.status_code == 422
    assert "has customers" in refused.text
    assert moved.status_code == 303
    assert find_operator(site.conn, "clerk").parent == "uttara"
    assert find_operator(site.conn, "uttara").role == "operator"
    assert ("operator:boss", "operator role", "clerk: manager -> distributor") in (
        events(site)
    )


def test_who_is_shut_out_is_out_at_once_and_comes_back(site: Site) -> None:
    uttara = site.as_operator("uttara")
    path = f"/operators/{site.operator_id('uttara')}/disable"
    admin = site.as_admin()
    assert "logged out at once" in admin.get(path).text

    assert admin.post(path).status_code == 303

    assert uttara.get("/customers").status_code == 303
    assert "shut out" in admin.get("/operators").text
    assert admin.post(path).status_code == 303
    assert not find_operator(site.conn, "uttara").is_disabled
    assert [e[1] for e in events(site)] == ["operator disabled", "operator enabled"]


def test_nobody_shuts_himself_or_the_last_admin_out(site: Site) -> None:
    admin = site.as_admin()
    me = site.operator_id("boss")
    form = {"name": "", "role": "manager", "parent": "", "language": "en"}

    assert admin.post(f"/operators/{me}/disable").status_code == 403
    answer = admin.post(f"/operators/{me}/edit", form)

    assert answer.status_code == 422
    assert "last admin" in answer.text
    assert find_operator(site.conn, "boss").role == "admin"
    with pytest.raises(service.LastAdminError):
        service.set_disabled(
            site.conn, "boss", is_disabled=True, actor="cli:root", now=NOON
        )


def test_a_reset_password_lets_in_and_ends_what_was_open(site: Site) -> None:
    uttara = site.as_operator("uttara")
    path = f"/operators/{site.operator_id('uttara')}/password"
    admin = site.as_admin()

    assert admin.post(path, {"password": "short"}).status_code == 422
    assert admin.post(path, {"password": "another good one"}).status_code == 303

    assert uttara.get("/customers").status_code == 303
    login = {"username": "uttara", "password": "another good one"}
    assert site.anonymous().post("/login", login).status_code == 303
    assert "another good one" not in str(events(site))


def test_a_lost_authenticator_is_removed(site: Site) -> None:
    operator_id = site.operator_id("uttara")
    path = f"/operators/{operator_id}/second-factor"
    admin = site.as_admin()
    assert admin.get(path).status_code == 303, "he has none"
    service.set_totp(
        site.conn,
        "uttara",
        service.new_totp_secret(),
        secret_key=bytes(range(32)),
        actor="t",
        now=NOON,
    )

    assert "enrolled" in admin.get("/operators").text
    assert admin.post(path).status_code == 303

    assert not find_operator(site.conn, "uttara").has_totp
    assert events(site)[-1] == ("operator:boss", "second factor removed", "uttara")
