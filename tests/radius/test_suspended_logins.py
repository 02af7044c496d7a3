"""What a suspended customer gets at login, and how he comes back."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing_core import stack
from billing_core.db.connect import Connection
from billing_core.db.profiles import NewProfile, insert_profile, set_profile
from billing_core.services.billing_run import bill_by_hand
from billing_core.services.cash import take_cash
from billing_core.services.registration import Registration, add_customer
from billing_core.services.suspension import review_service
from simulators.nas import SimulatedNas
from tests.builders import a_package
from tests.integration.test_billing_run import DHAKA

PASSWORD = "a-password"
MAC = "02:00:5E:00:00:01"


def an_overdue_customer(
    on: stack.Stack, conn: Connection, name: str, **profile: Any
) -> tuple[int, str]:
    """A monthly customer whose bill is past its due day."""
    now = datetime.now(UTC)
    package = a_package(
        conn, name=f"monthly-{name}", billing="monthly", price=Decimal(600)
    )
    profile_id = insert_profile(
        conn,
        NewProfile(
            name=f"profile-{name}", billing_type="monthly", due_days=1, **profile
        ),
    )
    customer_id = add_customer(
        conn,
        Registration(username=name, password=PASSWORD, package=package),
        secret_key=on.settings.secret_key,
        actor="test",
        now=now,
    )
    set_profile(conn, customer_id, profile_id)
    joined = now - timedelta(days=10)
    conn.execute(
        "UPDATE customer SET activated_at = %s WHERE customer_id = %s",
        [joined, customer_id],
    )
    bill_by_hand(conn, customer_id, as_of=joined, now=joined, zone=DHAKA, actor="test")
    with conn.transaction():
        review_service(conn, [customer_id], now=now, actor="test")
    return customer_id, name


@pytest.mark.parametrize(
    ("profile", "attribute", "value"),
    [
        (
            {"suspended_state": "pool", "suspended_pool": "suspended"},
            "framed_pool",
            "suspended",
        ),
        (
            {"suspended_state": "address_list", "suspended_address_list": "due"},
            "address_list",
            "due",
        ),
    ],
)
def test_a_suspended_customer_is_let_into_his_profiles_place_and_back_by_paying(
    radius_stack: stack.Stack,
    radius_conn: Connection,
    nas_of: Callable[..., SimulatedNas],
    profile: dict[str, str],
    attribute: str,
    value: str,
) -> None:
    _, username = an_overdue_customer(
        radius_stack, radius_conn, f"suspended-{value}", **profile
    )
    nas = nas_of(radius_stack)

    login = nas.login(username, PASSWORD, method="chap", mac=MAC)
    assert login.accepted
    assert getattr(login, attribute) == value
    assert login.rate_limit is None
    session = nas.start_session(login)

    take_cash(
        radius_conn,
        username,
        Decimal(600),
        key="paid",
        operator="test",
        note="",
        now=datetime.now(UTC),
    )
    assert nas.wait_until(lambda: not session.is_live, timeout_seconds=15)

    again = nas.login(username, PASSWORD, method="chap", mac=MAC)
    assert again.accepted
    assert getattr(again, attribute) is None


def test_a_suspended_customer_is_rejected_where_his_profile_has_no_place(
    radius_stack: stack.Stack,
    radius_conn: Connection,
    nas_of: Callable[..., SimulatedNas],
) -> None:
    _, username = an_overdue_customer(radius_stack, radius_conn, "suspended-out")

    login = nas_of(radius_stack).login(username, PASSWORD)

    assert not login.accepted
    assert "suspended" in login.reply_message.lower()
