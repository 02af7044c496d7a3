"""The database's own guards: the books cannot be rewritten, whoever tries."""

from decimal import Decimal

import psycopg
import pytest

from billing_core.db import ledger as db
from billing_core.db.connect import Connection
from billing_core.db.nas import NasError, NasExistsError
from billing_core.db.packages import (
    PackageError,
    UnknownPackageError,
    find_package,
)
from billing_core.ledger import CASH, WALLET, LedgerEntry, Posting, money_in
from billing_core.services.partitions import ensure_partitions
from billing_core.services.registration import Registration, add_customer
from tests.builders import (
    KEY,
    NOON,
    Packets,
    a_customer,
    a_daily_package,
    a_hotspot_package,
    a_nas,
    a_package,
    at_once,
    audited,
    fold,
    posted,
    rows,
    username_of,
)

APPEND_ONLY, NOT_WHOLE = "KH001", "KH002"


@pytest.fixture
def database_url(shared_database_url: str) -> str:
    """One database for all of this: the tests keep to customers of their own."""
    return shared_database_url


@pytest.fixture
def customer_id(conn: Connection) -> int:
    """A customer whose wallet holds 100.00, by one entry."""
    return a_customer(conn, a_package(conn), balance="100")


def refused(conn: Connection, statement: str, *values: object) -> str:
    """Return the SQLSTATE with which the database refuses a statement."""
    with pytest.raises(psycopg.Error) as caught:
        conn.execute(statement.encode(), values or None)
    assert caught.value.sqlstate is not None
    return caught.value.sqlstate


def a_bare_entry(conn: Connection, customer_id: int, key: str = "bare") -> int:
    """Write an entry that has no postings yet."""
    (entry_id,) = rows(
        conn,
        "INSERT INTO ledger_entry (customer_id, kind, occurred_at, idempotency_key,"
        " actor) VALUES (%s, 'top_up', now(), %s, 'psql') RETURNING entry_id",
        customer_id,
        key,
    )[0]
    return int(entry_id)


def entries_of(conn: Connection, customer_id: int) -> list[tuple[int]]:
    return rows(
        conn, "SELECT entry_id FROM ledger_entry WHERE customer_id = %s", customer_id
    )


def legs(
    conn: Connection, customer_id: int, entry_id: int, *lines: tuple[int, str, str]
) -> None:
    """Write postings in one statement, past our own code."""
    conn.execute(
        "INSERT INTO posting (customer_id, entry_id, line_no, ledger_account, amount)"
        " SELECT %s, %s, l.* FROM unnest(%s::int[], %s::text[], %s::numeric[]) AS l",
        (customer_id, entry_id, *(list(column) for column in zip(*lines, strict=True))),
    )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {table} SET customer_id = customer_id",
        "UPDATE {table} SET customer_id = customer_id WHERE false",
        "DELETE FROM {table}",
        "TRUNCATE {table} CASCADE",
    ],
)
@pytest.mark.parametrize("table", ["ledger_entry", "posting", "acct_event"])
def test_the_books_and_the_packets_are_append_only(
    conn: Connection, customer_id: int, table: str, statement: str
) -> None:
    fold(conn, Packets(username_of(conn, customer_id), a_nas(conn)).start())
    before = rows(conn, f"SELECT count(*) FROM {table}")  # noqa: S608 - ours
    is_harmless = "WHERE false" in statement and table == "acct_event"
    if is_harmless:
        # Guarded row by row, since its partitions can be named past it.
        conn.execute(statement.format(table=table).encode())
    else:
        assert refused(conn, statement.format(table=table)) == APPEND_ONLY
    assert rows(conn, f"SELECT count(*) FROM {table}") == before  # noqa: S608 - ours


@pytest.mark.parametrize("statement", ["DELETE FROM {}", "TRUNCATE {}"])
def test_a_month_of_packets_is_not_rewritten_by_its_own_name_either(
    conn: Connection, customer_id: int, statement: str
) -> None:
    p = Packets(username_of(conn, customer_id), a_nas(conn))
    fold(conn, p.start(), p.interim(60))
    ((month, count),) = rows(
        conn,
        "SELECT tableoid::regclass::text, count(*) FROM acct_event"
        " WHERE customer_id = %s GROUP BY 1",
        customer_id,
    )
    assert (month, count) == ("acct_event_2026_11", 2)
    assert refused(conn, statement.format(month)) == APPEND_ONLY
    rewrite = "UPDATE {} SET session_seconds = 0"
    assert refused(conn, rewrite.format(month)) == APPEND_ONLY


def test_a_month_that_is_made_later_is_guarded_too(conn: Connection) -> None:
    made = ensure_partitions(conn, NOON.replace(year=2031))
    assert made
    assert refused(conn, f"TRUNCATE {made[0]}") == APPEND_ONLY


@pytest.mark.parametrize(
    "lines",
    [
        [(1, "cash", "10.00"), (2, "wallet", "-9.99")],
        [(1, "cash", "10.00")],
        [(1, "cash", "10.00"), (2, "pocket", "-10.00")],
        [(2, "cash", "10.00"), (3, "wallet", "-10.00")],
        # Sums to zero in thousandths, not in what is booked.
        [(1, "cash", "0.005"), (2, "cash", "0.005"), (3, "wallet", "-0.010")],
    ],
    ids=["unbalanced", "one leg", "unknown account", "not from line 1", "too fine"],
)
def test_postings_that_are_not_a_whole_entry_are_refused(
    conn: Connection, customer_id: int, lines: list[tuple[int, str, str]]
) -> None:
    entry_id = a_bare_entry(conn, customer_id)
    with pytest.raises(psycopg.Error) as caught:
        legs(conn, customer_id, entry_id, *lines)
    assert caught.value.sqlstate == NOT_WHOLE
    assert posted(conn, customer_id) == Decimal("100.00")


def test_postings_without_an_entry_are_refused(
    conn: Connection, customer_id: int
) -> None:
    with pytest.raises(psycopg.Error) as caught:
        legs(conn, customer_id, 10**6, (1, "cash", "5.00"), (2, "wallet", "-5.00"))
    assert caught.value.sqlstate == NOT_WHOLE


def test_the_entry_of_another_customer_cannot_be_posted_to(
    conn: Connection, customer_id: int
) -> None:
    other = a_customer(conn, a_package(conn))
    entry_id = a_bare_entry(conn, other)
    with pytest.raises(psycopg.Error) as caught:
        legs(conn, customer_id, entry_id, (1, "cash", "5.00"), (2, "wallet", "-5.00"))
    assert caught.value.sqlstate == NOT_WHOLE


def test_one_entry_out_of_balance_refuses_the_whole_statement(
    conn: Connection, customer_id: int
) -> None:
    good, bad = (
        a_bare_entry(conn, customer_id, "good"),
        a_bare_entry(conn, customer_id, "bad"),
    )
    assert (
        refused(
            conn,
            "INSERT INTO posting VALUES (%s, %s, 1, 'cash', 5), (%s, %s, 2, 'wallet',"
            " -5), (%s, %s, 1, 'cash', 5), (%s, %s, 2, 'wallet', -4)",
            *(customer_id, good, customer_id, good, customer_id, bad, customer_id, bad),
        )
        == NOT_WHOLE
    )
    assert posted(conn, customer_id) == Decimal("100.00")


def test_nothing_is_added_to_an_entry_that_is_there(
    conn: Connection, customer_id: int
) -> None:
    ((entry_id,),) = entries_of(conn, customer_id)
    with pytest.raises(psycopg.Error) as caught:
        legs(conn, customer_id, entry_id, (3, "cash", "5.00"), (4, "wallet", "-5.00"))
    assert caught.value.sqlstate == NOT_WHOLE
    with pytest.raises(psycopg.errors.UniqueViolation):
        legs(conn, customer_id, entry_id, (1, "cash", "5.00"), (2, "wallet", "-5.00"))
    assert posted(conn, customer_id) == Decimal("100.00")


def test_nothing_is_added_to_an_entry_in_the_transaction_that_wrote_it(
    conn: Connection, customer_id: int
) -> None:
    def write() -> None:
        with conn.transaction():
            entry_id = a_bare_entry(conn, customer_id)
            legs(conn, customer_id, entry_id, (1, "cash", "5"), (2, "wallet", "-5"))
            legs(conn, customer_id, entry_id, (3, "cash", "1"), (4, "wallet", "-1"))

    with pytest.raises(psycopg.Error) as caught:
        write()
    assert caught.value.sqlstate == NOT_WHOLE
    assert posted(conn, customer_id) == Decimal("100.00")


def test_an_insert_that_turns_into_an_update_is_refused(
    conn: Connection, customer_id: int
) -> None:
    ((entry_id,),) = entries_of(conn, customer_id)
    assert (
        refused(
            conn,
            "INSERT INTO posting VALUES (%s, %s, 1, 'cash', 5) ON CONFLICT"
            " (customer_id, entry_id, line_no) DO UPDATE SET amount = 5",
            customer_id,
            entry_id,
        )
        == APPEND_ONLY
    )


def test_the_wallet_follows_the_postings_whoever_writes_them(
    conn: Connection, customer_id: int
) -> None:
    entry_id = a_bare_entry(conn, customer_id)
    with conn.cursor().copy(
        "COPY posting (customer_id, entry_id, line_no, ledger_account, amount)"
        " FROM STDIN"
    ) as copy:
        copy.write_row((customer_id, entry_id, 1, "cash", "12.50"))
        copy.write_row((customer_id, entry_id, 2, "wallet", "-12.50"))
    assert posted(conn, customer_id) == Decimal("112.50")
    assert [f for f in audited(conn) if f.customer_id == customer_id] == []


def test_the_balance_is_not_written_past_the_postings(
    conn: Connection, customer_id: int
) -> None:
    state = refused(conn, "UPDATE wallet SET posted = posted + 1000000")
    assert state == APPEND_ONLY
    assert posted(conn, customer_id) == Decimal("100.00")


def test_money_of_a_customer_without_a_wallet_is_refused_not_lost(
    conn: Connection,
) -> None:
    entry_id = a_bare_entry(conn, 10**6)
    with pytest.raises(psycopg.Error) as caught:
        legs(conn, 10**6, entry_id, (1, "cash", "5.00"), (2, "wallet", "-5.00"))
    assert caught.value.sqlstate == NOT_WHOLE


def test_a_posting_of_nothing_is_refused(conn: Connection, customer_id: int) -> None:
    entry_id = a_bare_entry(conn, customer_id)
    with pytest.raises(psycopg.errors.CheckViolation, match="posting_amount_not_zero"):
        legs(conn, customer_id, entry_id, (1, "cash", "0"), (2, "wallet", "0"))


def an_entry(customer_id: int, key: str, **changes: object) -> LedgerEntry:
    facts = {
        "kind": "top_up",
        "postings": money_in(CASH, Decimal("5.00")),
    } | changes
    return LedgerEntry(
        customer_id=customer_id,
        occurred_at=NOON,
        idempotency_key=key,
        actor="test",
        **facts,  # type: ignore[arg-type]  # kind and postings, as above
    )


def test_one_event_of_the_world_makes_one_entry_of_a_customer(
    conn: Connection, customer_id: int
) -> None:
    other = a_customer(conn, a_package(conn))
    first = db.post(conn, an_entry(customer_id, "receipt 7"))
    assert first is not None
    assert db.post(conn, an_entry(customer_id, "receipt 7")) is None
    assert db.find_entry(conn, customer_id, "receipt 7") == first
    assert db.post(conn, an_entry(other, "receipt 7")) is not None
    assert posted(conn, customer_id) == Decimal("105.00")
    with pytest.raises(psycopg.errors.UniqueViolation, match="ledger_entry_key_unique"):
        a_bare_entry(conn, customer_id, "receipt 7")


def test_one_event_told_by_five_at_once_is_posted_once(
    conn: Connection, database_url: str, customer_id: int
) -> None:
    def post(own: Connection) -> int | None:
        with own.transaction():
            return db.post(own, an_entry(customer_id, "receipt 8"))

    results = at_once(database_url, [post] * 5)
    assert [r for r in results if r is not None] == [
        db.find_entry(conn, customer_id, "receipt 8")
    ]
    assert posted(conn, customer_id) == Decimal("105.00")


def test_wallets_written_from_many_sides_add_up(
    conn: Connection, database_url: str, customer_id: int
) -> None:
    def post(number: int):  # type: ignore[no-untyped-def]  # a closure for at_once
        def work(own: Connection) -> None:
            for turn in range(5):
                with own.transaction():
                    key = f"receipt {number}.{turn}"
                    db.post(own, an_entry(customer_id, key))

        return work

    assert at_once(database_url, [post(n) for n in range(6)]) == [None] * 6
    assert posted(conn, customer_id) == Decimal("250.00")
    assert [f for f in audited(conn) if f.customer_id == customer_id] == []


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"kind": "gift"}, "ledger_entry_kind_known"),
        ({"kind": "adjustment"}, "ledger_entry_correction_has_a_reason"),
        ({"kind": "reversal", "note": "x"}, "ledger_entry_reversal_names_its_entry"),
        ({"reverses_entry_id": 1}, "ledger_entry_reversal_names_its_entry"),
    ],
)
def test_an_entry_that_says_too_little_is_refused(
    conn: Connection, customer_id: int, changes: dict[str, object], constraint: str
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match=constraint):
        db.post(conn, an_entry(customer_id, "odd", **changes))


def test_an_entry_is_reversed_once(conn: Connection, customer_id: int) -> None:
    ((entry_id,),) = entries_of(conn, customer_id)
    mirror = {
        "kind": "reversal",
        "note": "mistake",
        "reverses_entry_id": entry_id,
        "postings": (
            Posting(CASH, Decimal("-100.00")),
            Posting(WALLET, Decimal("100.00")),
        ),
    }
    assert db.post(conn, an_entry(customer_id, "one", **mirror)) is not None
    with pytest.raises(
        psycopg.errors.UniqueViolation, match="ledger_entry_reversed_once"
    ):
        db.post(conn, an_entry(customer_id, "two", **mirror))


@pytest.mark.parametrize(
    ("make", "changes", "why"),
    [
        (a_package, {"sessions_allowed": 0}, "at least one session"),
        (a_package, {"setup_fee": Decimal(-1)}, "negative"),
        (a_package, {"increment_seconds": 0}, "increment"),
        (a_package, {"vat_percent": Decimal(101)}, "0 to 100"),
        (a_package, {"interim_interval_seconds": 59}, "60 seconds"),
        (a_package, {"idle_timeout_seconds": 0}, "idle timeout"),
        (a_package, {"rate_up_bps": 0}, "rates"),
        (a_package, {"price_per_minute": Decimal(0)}, "rate|price"),
        (a_package, {"price": Decimal(10**11)}, "too large"),
        (a_daily_package, {"price": Decimal(0)}, "price|day"),
        (a_daily_package, {"validity_seconds": None}, "day"),
        (a_daily_package, {"validity_seconds": 86401}, "day"),
        (a_hotspot_package, {"validity_seconds": None}, "validity"),
        (a_hotspot_package, {"validity_from": None}, "validity"),
        (a_hotspot_package, {"quota_octets": 0}, "quota"),
        # A third decimal of a percentage or a price would be rounded in silence.
        (a_package, {"vat_percent": Decimal("15.125")}, "decimals"),
        (a_package, {"setup_fee": Decimal("1.005")}, "decimals"),
        (a_package, {"price_per_mb": Decimal("0.0000001")}, "decimals"),
    ],
)
def test_a_package_that_contradicts_itself_is_refused_and_says_why(
    conn: Connection, make, changes: dict[str, object], why: str
) -> None:
    with pytest.raises(PackageError, match=why):
        make(conn, name="contradiction", **changes)
    with pytest.raises(UnknownPackageError):
        find_package(conn, "contradiction")


def test_a_package_name_is_taken_once(conn: Connection) -> None:
    name = a_package(conn)
    with pytest.raises(PackageError, match=name):
        a_package(conn, name=name)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"address": "10.0.0.0/24"}, "one host"),
        ({"address": "router"}, "no IP address"),
        ({"secret": ""}, "secret"),
        ({"vendor": "acme"}, "vendor"),
        ({"coa_port": 0}, "port"),
        ({"interim_interval_seconds": 30}, "60 seconds"),
        ({"coa_identification": ("Class",)}, "identified"),
    ],
)
def test_a_nas_that_contradicts_itself_is_refused_and_says_why(
    conn: Connection, changes: dict[str, object], why: str
) -> None:
    with pytest.raises(NasError, match=why):
        a_nas(conn, **changes)


def test_the_address_of_a_nas_is_taken_once(conn: Connection) -> None:
    a_nas(conn, address="127.9.9.9")
    with pytest.raises(NasExistsError, match=r"127\.9\.9\.9"):
        a_nas(conn, address="127.9.9.9")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"username": "taken"}, "taken"),
        ({"username": ""}, "not empty"),
        ({"username": " a"}, "space"),
        ({"username": "a\x00b"}, "printable"),
        ({"username": "x" * 254}, "253 octets"),
        ({"username": "ক" * 85}, "253 octets"),
        ({"mac_binding": "02-00-00-00-00-01"}, "MAC"),
        ({"sessions_allowed": 0}, "at least one session"),
        ({"credit_limit": Decimal(-1)}, "credit limit"),
        ({"framed_ip": "10.0.0.300"}, "IP.* address"),
        ({"framed_ip": "10.0.0.0/8"}, "IP.* address"),
    ],
)
def test_a_customer_who_cannot_be_is_refused_whole_and_says_why(
    conn: Connection, changes: dict[str, object], why: str
) -> None:
    package = a_package(conn)
    taken = username_of(conn, a_customer(conn, package))
    if changes.get("username") == "taken":
        changes = {"username": taken}
    facts: dict[str, object] = {"username": "new", "password": "x", "package": package}
    with pytest.raises(Exception, match=why) as caught:
        add_customer(
            conn,
            Registration(**(facts | changes)),  # type: ignore[arg-type]  # as above
            secret_key=KEY,
            actor="test",
            now=NOON,
        )
    assert type(caught.value).__name__ == "CustomerError"
    left = "SELECT username FROM customer WHERE username NOT LIKE 'customer-%'"
    assert rows(conn, left.replace("%", "%%")) == []
