"""Nobody sees or changes what is another's, whatever ids he puts into an address."""

from typing import Any

import pytest
from werkzeug.routing import Rule

from billing_core.db.connect import Connection
from billing_core.permissions import can_be_given
from tests.builders import a_package, rows
from tests.web.belongings import belongings_of
from tests.web.conftest import Browser, Site
from tests.web.test_crawl import address, of_customers, of_operators

SECRET_WORD = "zzz-of-uttara"
Ids = dict[str, int | str]
# Ids in addresses of what is no reseller's: the provider's own, or no id at all.
OF_THE_PROVIDER = {
    "nas_id",
    "package_id",
    "profile_id",
    "vat_profile_id",
    "notice_id",
    "billing",
    "channel",
    "name",
    "suffix",
    "what",
}
# What forms ask for, so that only whose it is can keep them from being done.
FORM = {
    "reason": "because",
    "note": "because",
    "amount": "10",
    "key": "k" * 32,
    "password": "another password",
    "due_on": "2027-01-01",
    "until": "2027-01-01",
    "by": "cash",
    "was_given": "yes",
    "mac": "AA:BB:CC:DD:EE:FF",
    "name": "somebody else",
    "language": "en",
    "step": "make",
    "what": "void",
    "form": "csv",
    "package": "x",
    "profile": "x",
}


@pytest.fixture
def ids(site: Site) -> tuple[Ids, Ids]:
    """Ids of what two resellers have: of the one who acts, and of the other."""
    package = a_package(site.conn)
    mine = belongings_of(site, package, "mirpur")
    return mine, belongings_of(site, package, "uttara", SECRET_WORD)


def strangers(site: Site) -> dict[str, Browser]:
    """Return who has nothing to do with the other reseller, each with all he can be."""
    everything = {role: _can(role) for role in ("sub_operator", "manager")}
    return {
        "operator": site.as_somebody("mirpur", "operator"),
        "sub_operator": site.as_somebody(
            "pallabi", "sub_operator", everything["sub_operator"], "mirpur"
        ),
        "manager": site.as_somebody("rina", "manager", everything["manager"], "mirpur"),
        "distributor": site.as_somebody("corner", "distributor", (), "mirpur"),
    }


def everything_of(conn: Connection, theirs: Ids) -> list[Any]:
    customer_id = theirs["customer_id"]
    return [
        rows(conn, f"SELECT * FROM {table} WHERE customer_id = %s", customer_id)  # noqa: S608
        for table in (
            "customer",
            "wallet",
            "bill",
            "ledger_entry",
            "payment",
            "refund",
            "payment_attempt",
            "customer_event",
            "payment_link",
            "document",
            "outbox",
        )
    ] + [
        rows(conn, f"SELECT * FROM {table} WHERE {key} = %s", theirs[key])  # noqa: S608
        for table, key in (
            ("operator", "operator_id"),
            ("card_batch", "batch_id"),
            ("card", "batch_id"),
            ("customer_import", "import_id"),
        )
    ]


def ways(rule: Rule, mine: Ids, theirs: Ids) -> list[Ids]:
    """Return the ids of each way to ask for another's: all, or one behind mine."""
    named = sorted(rule.arguments & theirs.keys())
    foreign = [set(named), *({name} for name in named)] if named else []
    return [{n: theirs[n] if n in each else mine[n] for n in named} for each in foreign]


@pytest.mark.parametrize("role", ["operator", "sub_operator", "manager", "distributor"])
def test_no_page_or_form_reaches_what_is_anothers(
    site: Site, ids: tuple[Ids, Ids], role: str
) -> None:
    mine, theirs = ids
    me, before = strangers(site)[role], everything_of(site.conn, theirs)
    tried = set()
    for rule in of_operators(site):
        assert rule.arguments <= theirs.keys() | OF_THE_PROVIDER, rule.endpoint
        for values in ways(rule, mine, theirs):
            path = address(rule, values)
            answers = []
            if "GET" in (rule.methods or ()):
                answers.append(me.get(path))
            if "POST" in (rule.methods or ()):
                answers.append(me.post(path, FORM))
            for answer in answers:
                assert answer.status_code in (403, 404), f"{path} {answer.status_code}"
                assert SECRET_WORD not in answer.text, path
                tried |= rule.arguments
    assert tried >= theirs.keys()
    assert everything_of(site.conn, theirs) == before


@pytest.mark.parametrize("role", ["operator", "sub_operator", "manager", "distributor"])
def test_no_list_or_export_has_what_is_anothers(
    site: Site, ids: tuple[Ids, Ids], role: str
) -> None:
    _mine, theirs = ids
    me = strangers(site)[role]
    for rule in of_operators(site):
        if rule.arguments & theirs.keys() or "GET" not in (rule.methods or ()):
            continue
        plain = address(rule, {})
        for path in (plain, f"{plain}?q={SECRET_WORD}", f"{plain}?customer=1"):
            answer = me.get(path)
            assert answer.status_code < 500, path
            # A search is shown again in its own field.
            found = answer.text.replace(f'value="{SECRET_WORD}"', "")
            assert SECRET_WORD not in found.replace(f"q={SECRET_WORD}", ""), path


def test_what_is_chosen_for_many_is_ones_own(site: Site, ids: tuple[Ids, Ids]) -> None:
    _mine, theirs = ids
    me, before = strangers(site)["operator"], everything_of(site.conn, theirs)
    bill = f"{theirs['customer_id']}-{theirs['bill_id']}"
    attempt = f"{theirs['customer_id']}-{theirs['attempt_id']}"
    for path in (
        "/bills/many",
        "/bills/many/do",
        "/bills/links",
        "/bills/links/send",
        "/bills/chosen.csv",
        "/bills/chosen.xlsx",
        "/verify/matching",
    ):
        for what in ("void", "paid"):
            sent = FORM | {"bill": [bill], "attempt": [attempt], "what": what}
            answer = me.post(path, sent)
            assert answer.status_code in (403, 404, 422), path
            assert SECRET_WORD not in answer.text, path
    serials = {"first": theirs["serial"], "last": theirs["serial"]}
    for path in ("/cards/activate", "/cards/void"):
        assert me.post(path, FORM | serials).status_code in (403, 404, 422), path
    assert everything_of(site.conn, theirs) == before


def test_no_page_of_the_portal_reaches_what_is_anothers(
    site: Site, ids: tuple[Ids, Ids]
) -> None:
    mine, theirs = ids
    me = site.as_customer(int(mine["customer_id"]))
    before = everything_of(site.conn, theirs)
    tried = set()
    for rule in of_customers(site):
        path = address(rule, theirs)
        for asked in (path, f"{path}?bill={theirs['bill_id']}"):
            answers = [me.get(asked)] if "GET" in (rule.methods or ()) else []
            if "POST" in (rule.methods or ()):
                answers.append(me.post(asked, FORM))
            for answer in answers:
                assert answer.status_code < 500, asked
                assert SECRET_WORD not in answer.text, asked
                if rule.arguments & theirs.keys():
                    assert answer.status_code in (403, 404), asked
                    tried |= rule.arguments
    assert tried >= {"bill_id", "payment_id"}
    assert everything_of(site.conn, theirs) == before


def _can(role: str) -> tuple[str, ...]:
    return tuple(p.value for p in can_be_given(role))
