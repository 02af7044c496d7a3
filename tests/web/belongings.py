"""What a reseller and his customer have, one of each kind, and the ids of it."""

from datetime import UTC, datetime
from decimal import Decimal

from billing_core.permissions import can_be_given
from billing_core.services.cash import take_cash
from billing_core.services.charges import charge_customer
from billing_core.services.imports import keep_file
from billing_core.services.payments.transfers import announce_transfer
from billing_core.services.refunds import refund_payment
from tests.builders import (
    KEY,
    Packets,
    a_customer,
    a_nas,
    fold,
    sessions_of,
    username_of,
)
from tests.cards import DHAKA, a_batch
from tests.web.conftest import Site

D = Decimal


def belongings_of(
    site: Site, package: str, owner: str, word: str = ""
) -> dict[str, int | str]:
    """Give a reseller a customer, and both of them one of everything there is.

    Returns the ids by the names that addresses call them. `word` stands in whatever
    text of it is free.
    """
    conn, now = site.conn, datetime.now(UTC)
    given = tuple(p.value for p in can_be_given("operator"))
    operator_id = site.operator_id(owner, permissions=given)
    shop = f"shop-of-{owner}"
    site.operator_id(shop, "distributor", parent=owner)
    customer_id = a_customer(conn, package, name=word, mobile=word, zone=word)
    conn.execute(
        "UPDATE customer SET operator_id = %s WHERE customer_id = %s",
        [operator_id, customer_id],
    )
    name = username_of(conn, customer_id)
    fold(conn, Packets(name, a_nas(conn), started_at=now).start(), now=now)
    conn.execute(
        "INSERT INTO access_reject (username, customer_id, calling_station_id, reason)"
        " VALUES (%s, %s, %s, 'SUSPENDED')",
        [name, customer_id, word],
    )
    batch = a_batch(conn, distributor=shop)
    content = f"username,package,comment\nnobody,{package},{word}\n".encode()
    import_id = keep_file(
        conn,
        content,
        file_name=f"{word}.csv",
        secret_key=KEY,
        actor=f"operator:{owner}",
        now=now,
    )
    return {
        "customer_id": customer_id,
        **_money_of(site, customer_id, word, now),
        "session_id": int(sessions_of(conn, customer_id)[0]["session_id"]),
        "batch_id": batch.batch_id,
        "serial": batch.serial_first,
        "import_id": import_id,
        "operator_id": operator_id,
    }


def _money_of(
    site: Site, customer_id: int, word: str, now: datetime
) -> dict[str, int | str]:
    """Give a customer a bill, a payment, a refund and a transfer."""
    conn, name = site.conn, username_of(site.conn, customer_id)
    bill = charge_customer(
        conn,
        name,
        D(500),
        description=f"a cable {word}",
        vat_profile=None,
        key="cable",
        actor="test",
        now=now,
        zone=DHAKA,
    )
    cash = take_cash(
        conn, name, D(100), key="cash", operator="test", note=word, now=now
    )
    refund = refund_payment(
        conn,
        f"R{cash.payment_id}",
        D(10),
        reason=f"too much {word}",
        key="refund",
        by="cash",
        operator="test",
        now=now,
    )
    attempt = announce_transfer(
        conn,
        customer_id=customer_id,
        amount=D(50),
        sender="01712345678",
        transaction_id=f"TRX{customer_id:06d}",
        purpose="wallet",
        actor="test",
        now=now,
    )
    return {
        "bill_id": bill.bill_id,
        "payment_id": cash.payment_id,
        "reference": refund.reference,
        "attempt_id": attempt.attempt_id,
    }
