"""What was paid for happens with the payment, or the money stays and it is said why."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from billing_core.db.attempt_events import list_attempt_events
from billing_core.db.connect import Connection
from billing_core.db.corrections import find_bill
from billing_core.db.customers import read_customer, read_subscription
from billing_core.db.packages import find_package
from billing_core.db.receipts import list_settled, read_receipt
from billing_core.kinds import KindError
from billing_core.services.audit import audit
from billing_core.services.closing import cut_due_sessions
from billing_core.services.packages import set_withdrawn
from billing_core.services.payments.quoting import PaymentError
from billing_core.services.service_days import run_service_days
from tests.builders import (
    NOON,
    Packets,
    a_customer,
    a_daily_package,
    a_grant,
    a_hotspot_package,
    a_nas,
    a_package,
    fold,
    open_session,
    posted,
    rows,
    username_of,
)
from tests.gateways.bkash_shop import Shop
from tests.integration.correcting import due, number
from tests.integration.paying import paid, pay, start
from tests.integration.test_billing_run import (
    DHAKA,
    a_monthly_customer,
    dhaka,
    run,
)

JANUARY, MARCH = dhaka(2026, 1, 1), dhaka(2026, 3, 1)
D = Decimal


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture(autouse=True)
def sound_books(conn: Connection) -> Iterator[None]:
    """Whatever a test did, the books are sound after it."""
    yield
    assert [finding for finding in audit(conn) if finding.is_error] == []


def id_of_package(conn: Connection, name: str) -> int:
    return find_package(conn, name).package_id


def why_not(conn: Connection, attempt_id: int) -> list[str]:
    events = list_attempt_events(conn, attempt_id)
    return [event.note for event in events if event.what == "not fulfilled"]


def owing(conn: Connection) -> int:
    """A customer with bills of January, February and March, 600.00 each."""
    customer_id = a_monthly_customer(
        conn, joined=JANUARY, balance="0", bill_trigger="first"
    )
    run(conn, MARCH)
    return customer_id


def statuses(conn: Connection, customer_id: int) -> list[str]:
    found = rows(
        conn,
        "SELECT status FROM bill WHERE customer_id = %s ORDER BY bill_id",
        customer_id,
    )
    return [status for (status,) in found]


def test_the_named_bill_is_paid_before_the_one_due_first(
    conn: Connection, shop: Shop
) -> None:
    customer_id = owing(conn)
    march = number(conn, customer_id, 2)
    payment_id = paid(
        conn,
        shop,
        customer_id,
        purpose="bills",
        bill_id=find_bill(conn, march)[1],
    )
    assert statuses(conn, customer_id) == ["unpaid", "unpaid", "paid"]
    receipt = read_receipt(conn, customer_id, payment_id)
    assert receipt.amount == D(600)
    (settled,) = list_settled(conn, customer_id, receipt.entry_id)
    assert (settled.bill, settled.amount) == (march, D(600))


def test_a_named_bill_that_was_paid_meanwhile_lets_the_money_pay_others(
    conn: Connection, shop: Shop
) -> None:
    customer_id = owing(conn)
    march = find_bill(conn, number(conn, customer_id, 2))[1]
    one = start(conn, shop, customer_id, purpose="bills", bill_id=march)
    two = start(conn, shop, customer_id, purpose="bills", bill_id=march)
    pay(conn, shop, one)
    assert pay(conn, shop, two).state == "paid"
    assert statuses(conn, customer_id) == ["paid", "unpaid", "paid"]


def test_all_that_is_due_is_paid_in_the_order_it_was_due(
    conn: Connection, shop: Shop
) -> None:
    customer_id = owing(conn)
    paid(conn, shop, customer_id, "700", purpose="bills")
    assert statuses(conn, customer_id) == ["paid", "partial", "unpaid"]
    paid(conn, shop, customer_id, purpose="bills")
    assert due(conn, customer_id) == 0
    assert posted(conn, customer_id) == 0


def test_a_hotspot_package_that_is_paid_is_active(conn: Connection, shop: Shop) -> None:
    package = a_hotspot_package(conn, vat_percent=D(5), vat_inclusive=False)
    customer_id = a_customer(conn, package)
    paid(
        conn,
        shop,
        customer_id,
        purpose="package",
        package_id=id_of_package(conn, package),
    )
    bought = read_subscription(conn, customer_id)
    assert bought is not None
    assert (bought.package, bought.state) == (package, "active")
    assert bought.valid_until == NOON + timedelta(days=1)
    assert posted(conn, customer_id) == 0
    assert rows(conn, "SELECT kind, gross, status FROM bill") == [
        ("package", D("10.50"), "paid")
    ]


def test_a_hotspot_session_that_was_to_be_cut_goes_on_with_the_payment(
    conn: Connection, shop: Shop
) -> None:
    """The Disconnect has not left yet: it is called off, and the NAS told more time."""
    package = a_hotspot_package(conn)
    customer_id = a_customer(conn, package)
    package_id = id_of_package(conn, package)
    paid(conn, shop, customer_id, purpose="package", package_id=package_id)
    grant = a_grant(conn, customer_id, a_nas(conn), limit_seconds=3600)
    assert open_session(conn, grant) == "OK"
    p = Packets(
        username_of(conn, customer_id), grant.nas_id, class_value=grant.class_value
    )
    fold(conn, p.start(), p.interim(3600), now=NOON + timedelta(seconds=3600))
    cut_due_sessions(conn, NOON + timedelta(seconds=3600))
    assert rows(conn, "SELECT state FROM outbox WHERE kind = 'disconnect'") == [
        ("pending",)
    ]
    later = NOON + timedelta(seconds=3601)
    started = start(
        conn, shop, customer_id, purpose="package", package_id=package_id, now=later
    )
    pay(conn, shop, started, now=later)
    assert rows(conn, "SELECT state FROM outbox WHERE kind = 'disconnect'") == [
        ("cancelled",)
    ]
    assert rows(
        conn,
        "SELECT limit_seconds, disconnect_requested_at FROM acct_session"
        " WHERE ended_at IS NULL",
    ) == [(7200, None)]
    assert rows(
        conn,
        "SELECT (attributes->>'session_timeout_seconds')::integer FROM outbox"
        " WHERE kind = 'coa' AND state = 'pending'",
    ) == [(7200,)]


def test_daily_days_that_are_paid_bring_a_suspended_customer_back(
    conn: Connection, shop: Shop
) -> None:
    package = a_daily_package(conn)
    customer_id = a_customer(conn, package)
    run_service_days(conn, now=NOON, zone=DHAKA, actor="test")
    assert read_customer(conn, customer_id).suspend_reason == "BALANCE_EXHAUSTED"
    paid(
        conn,
        shop,
        customer_id,
        purpose="package",
        package_id=id_of_package(conn, package),
    )
    customer = read_customer(conn, customer_id)
    assert customer.status == "active"
    assert customer.posted == D(290)


def test_another_daily_package_is_put_on_with_its_payment(
    conn: Connection, shop: Shop
) -> None:
    customer_id = a_customer(conn, a_daily_package(conn))
    # 30 days with VAT on top, rounded day by day: not 315.00.
    better = a_daily_package(conn, price=D(1000), vat_percent=D(5), vat_inclusive=False)
    started = start(
        conn,
        shop,
        customer_id,
        purpose="package",
        package_id=id_of_package(conn, better),
    )
    assert pay(conn, shop, started).amount == find_package(conn, better).gross_price
    assert read_customer(conn, customer_id).package == better
    assert posted(conn, customer_id) == find_package(conn, better).gross_price
    assert why_not(conn, started.attempt_id) == []


def test_a_package_that_costs_more_by_now_leaves_the_money_in_the_wallet(
    conn: Connection, shop: Shop
) -> None:
    package = a_hotspot_package(conn)
    customer_id = a_customer(conn, package, balance="50")
    started = start(
        conn,
        shop,
        customer_id,
        purpose="package",
        package_id=id_of_package(conn, package),
    )
    conn.execute("UPDATE package SET price = 12 WHERE name = %s", [package])
    assert pay(conn, shop, started).state == "paid"
    assert read_subscription(conn, customer_id) is None
    assert posted(conn, customer_id) == D(60)
    (why,) = why_not(conn, started.attempt_id)
    assert why == (
        f"The money stays in the wallet: {package} costs 12.00 now, not 10.00."
    )
    # Who asks why it is not on finds it in the customer's log, too.
    assert rows(conn, "SELECT what, note FROM customer_event")[-1] == (
        "not fulfilled",
        f"{started.reference}: {why}",
    )


def test_a_package_that_costs_less_by_now_leaves_the_rest_in_the_wallet(
    conn: Connection, shop: Shop
) -> None:
    package = a_hotspot_package(conn)
    customer_id = a_customer(conn, package)
    started = start(
        conn,
        shop,
        customer_id,
        purpose="package",
        package_id=id_of_package(conn, package),
    )
    conn.execute("UPDATE package SET price = 8 WHERE name = %s", [package])
    pay(conn, shop, started)
    assert posted(conn, customer_id) == D(2)
    assert read_subscription(conn, customer_id) is not None


def test_a_package_that_waits_for_its_first_use_is_not_bought_over(
    conn: Connection, shop: Shop
) -> None:
    package = a_hotspot_package(conn, validity_from="first_use")
    customer_id = a_customer(conn, package)
    package_id = id_of_package(conn, package)
    one = start(conn, shop, customer_id, purpose="package", package_id=package_id)
    two = start(conn, shop, customer_id, purpose="package", package_id=package_id)
    pay(conn, shop, one)
    assert pay(conn, shop, two).state == "paid"
    assert posted(conn, customer_id) == D(10)
    (why,) = why_not(conn, two.attempt_id)
    assert "has not been used yet" in why


def test_what_is_not_sold_by_payment_is_refused_before_money_moves(
    conn: Connection, shop: Shop
) -> None:
    hotspot = a_customer(conn, a_hotspot_package(conn))
    pppoe = a_customer(conn, a_daily_package(conn))
    free = id_of_package(conn, a_package(conn, billing="free"))
    withdrawn = a_hotspot_package(conn)
    set_withdrawn(conn, withdrawn, is_withdrawn=True, actor="test", now=NOON)
    for customer_id, package_id, error in (
        (hotspot, free, PaymentError),
        (hotspot, 4711, PaymentError),
        (hotspot, id_of_package(conn, withdrawn), PaymentError),
        (hotspot, id_of_package(conn, a_daily_package(conn)), KindError),
        (pppoe, id_of_package(conn, a_hotspot_package(conn)), KindError),
    ):
        with pytest.raises(error):
            start(conn, shop, customer_id, purpose="package", package_id=package_id)
    assert shop.calls == {}
