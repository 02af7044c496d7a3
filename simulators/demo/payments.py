"""The demo's payments: by simulated bKash, by a card, and by who would cheat."""

import csv
import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from billing_core.db.customers import find_customer_id, read_customer
from billing_core.db.packages import NewPackage, insert_package, list_packages
from billing_core.db.profiles import NewProfile, insert_profile, list_profiles
from billing_core.services.billing_run import bill_by_hand
from billing_core.services.payment_links import link_address, make_link
from billing_core.services.payments.deciding import approve
from billing_core.services.registration import Registration, add_customer
from billing_core.services.suspension import sweep_suspensions
from simulators.demo.report import Report
from simulators.demo.scene import PASSWORD, Scene
from simulators.demo.shop import Shop
from simulators.demo.steps import answer_of, last_reason

MONTHLY = NewPackage(
    name="Home by the month (demo)",
    billing="monthly",
    price=Decimal(600),
    vat_percent=Decimal(5),
    rate_up_bps=5_000_000,
    rate_down_bps=10_000_000,
    interim_interval_seconds=60,
)
#: Whoever owes anything is suspended at once.
STRICT = NewProfile(
    name="Strict (demo)",
    billing_type="monthly",
    due_threshold=Decimal("0.01"),
    proration="none",
)


def set_prices(scene: Scene) -> None:
    """Put the package and the profile of these steps on record, once."""
    if MONTHLY.name not in {package.name for package in list_packages(scene.conn)}:
        insert_package(scene.conn, MONTHLY)
    if STRICT.name not in {profile.name for profile in list_profiles(scene.conn)}:
        insert_profile(scene.conn, STRICT)


def verified_by_an_operator(scene: Scene, report: Report, shop: Shop) -> None:
    """Pay by simulated bKash; an operator approves; back on the network."""
    report.heading("A suspended customer pays by SIMULATED bKash; a person verifies it")
    user = _suspended(scene, report, "nasir")
    state = shop.pay(shop.begin(_link(scene, user, shop.pages["operator"])))
    report.check("his page, back from bKash", "confirmed", state)
    report.check("in the queue", "confirmed 600.00", _attempt(scene, user))
    report.check("credited so far", 0, _credits(scene, user))
    login = scene.pppoe.login(user, PASSWORD, method="chap")
    report.check("login before the verification", "rejected", answer_of(login))
    attempt_id = scene.one(
        "SELECT attempt_id FROM payment_attempt a JOIN login l USING (customer_id)"
        " WHERE l.username = %s",
        user,
    )
    assert isinstance(attempt_id, int)  # noqa: S101 - narrows the type
    approve(scene.conn, attempt_id, operator="demo", now=datetime.now(UTC))
    _is_back(scene, report, user, "bkash")


def verified_by_itself(scene: Scene, report: Report, shop: Shop) -> None:
    """Pay by simulated bKash where what matches is posted by itself."""
    report.heading("Another pays by SIMULATED bKash, set to automatic")
    user = _suspended(scene, report, "sadia")
    state = shop.pay(shop.begin(_link(scene, user, shop.pages["automatic"])))
    report.check("his page, back from bKash", "paid", state)
    _is_back(scene, report, user, "bkash")


def tampered_callbacks(scene: Scene, report: Report, shop: Shop) -> None:
    """Come back with a forged success, and with less paid than was ordered."""
    report.heading("Callbacks that lie")
    user = _suspended(scene, report, "chatur")
    checkout = shop.begin(_link(scene, user, shop.pages["automatic"]))
    payment = max(shop.bkash.payments.values(), key=lambda p: p.payment_id)
    forged = (
        f"{shop.pages['automatic']}/pay/return/bkash"
        f"?paymentID={payment.payment_id}&status=success"
    )
    report.check("forged success, nothing paid", "pending", shop.come_back(forged))
    report.check("on record", "pending 600.00", _attempt(scene, user))
    shop.bkash.faults.arm("other_amount", payment.invoice)
    report.check("a taka less than ordered", "review", shop.pay(checkout))
    report.check("in the queue", "review 600.00", _attempt(scene, user))
    report.check("and why", "AMOUNT_DIFFERS", _attempt_reason(scene, user))
    report.check("credited", 0, _credits(scene, user))
    login = scene.pppoe.login(user, PASSWORD, method="chap")
    report.check("login", "rejected", answer_of(login))


def recharge_card(scene: Scene, report: Report) -> None:
    """Make, print, activate and redeem a card with `khata card`; back at once."""
    report.heading("A suspended customer redeems a recharge card")
    user = _suspended(scene, report, "kamal")
    with tempfile.TemporaryDirectory() as folder:
        made = json.loads(
            _khata(
                scene,
                *("card", "generate", "1", "--value", "600"),
                *("--distributor", f"demo-{scene.mark}", "--json"),
            )
        )
        serial = str(made["serial_first"])
        _khata(scene, "card", "print", str(made["batch_id"]), "--to", folder)
        (file,) = Path(folder).glob("*.csv")
        with file.open(encoding="utf-8", newline="") as rows:
            pin = next(csv.DictReader(rows))["pin"]
    _khata(scene, "card", "activate", serial, serial)
    _khata(scene, "card", "redeem", user, stdin=pin)
    report.check(
        "the card",
        "used",
        scene.one("SELECT state FROM card WHERE serial = %s", int(serial)),
    )
    _is_back(scene, report, user, "card")
    again = _khata(scene, "card", "redeem", user, stdin=pin, may_fail=True)
    report.check("the same card once more", "not taken", again or "taken")


def _suspended(scene: Scene, report: Report, name: str) -> str:
    """Take a monthly customer on, bill him and suspend him for it."""
    username = f"{name}-{scene.mark}"
    now = datetime.now(UTC)
    customer_id = add_customer(
        scene.conn,
        Registration(
            username=username,
            password=PASSWORD,
            package=MONTHLY.name,
            profile=STRICT.name,
        ),
        secret_key=scene.stack.settings.secret_key,
        actor="demo",
        now=now,
    )
    zone = scene.stack.settings.zone
    bill_by_hand(scene.conn, customer_id, as_of=now, now=now, zone=zone, actor="demo")
    sweep_suspensions(scene.conn, datetime.now(UTC))
    customer = read_customer(scene.conn, customer_id)
    told = f"{customer.status}, owes {customer.due}"
    report.check("over his bill he is", "suspended, owes 600.00", told)
    login = scene.pppoe.login(username, PASSWORD, method="chap")
    report.check("his login", "rejected", answer_of(login))
    report.check("reason on record", "SUSPENDED", last_reason(scene, username))
    return username


def _link(scene: Scene, username: str, pages: str) -> str:
    made = make_link(
        scene.conn,
        username,
        bill=None,
        amount=None,
        secret_key=scene.stack.settings.secret_key,
        actor="demo",
        now=datetime.now(UTC),
    )
    return link_address(pages, made.token)


def _is_back(scene: Scene, report: Report, username: str, account: str) -> None:
    """Check what a payment did: books, bill, status, and a real login."""
    report.check("credits in the ledger", 1, _credits(scene, username))
    paid = scene.one(
        "SELECT p.method || ' ' || p.amount FROM payment p JOIN login l"
        " USING (customer_id) WHERE l.username = %s",
        username,
    )
    report.check("payment on record", f"{account} 600.00", paid)
    bill = scene.one(
        "SELECT gross || ' ' || status FROM bill b JOIN login l USING (customer_id)"
        " WHERE l.username = %s",
        username,
    )
    report.check("his bill", "600.00 paid", bill)
    customer_id = find_customer_id(scene.conn, username)
    customer = read_customer(scene.conn, customer_id)
    report.check(
        "he is", "active, owes 0.00", f"{customer.status}, owes {customer.due}"
    )
    login = scene.pppoe.login(username, PASSWORD, method="chap")
    report.check("his login", "accepted", answer_of(login))


def _attempt(scene: Scene, username: str) -> object:
    return scene.one(
        "SELECT a.state || ' ' || a.amount FROM payment_attempt a JOIN login l"
        " USING (customer_id) WHERE l.username = %s",
        username,
    )


def _attempt_reason(scene: Scene, username: str) -> object:
    return scene.one(
        "SELECT a.reason FROM payment_attempt a JOIN login l USING (customer_id)"
        " WHERE l.username = %s",
        username,
    )


def _credits(scene: Scene, username: str) -> object:
    return scene.one(
        "SELECT count(*) FROM ledger_entry e JOIN login l USING (customer_id)"
        " WHERE l.username = %s AND e.kind = 'top_up'",
        username,
    )


def _khata(scene: Scene, *words: str, stdin: str = "", may_fail: bool = False) -> str:
    """Run a `khata` command; returns what it printed, or "not taken" if it failed."""
    done = subprocess.run(
        [sys.executable, "-m", "billing_core.cli", *words],
        input=stdin,
        env=os.environ | scene.stack.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if done.returncode == 0:
        return done.stdout
    if may_fail:
        return "not taken"
    raise RuntimeError(f"khata {' '.join(words)}: {done.stderr}")
