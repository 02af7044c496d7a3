"""The demo's steps: each does something real and checks it against the database."""

import time
from collections.abc import Callable

from billing_core.services.audit import audit
from simulators.demo.report import Report
from simulators.demo.scene import HOME, HOTSPOT, PASSWORD, Scene
from simulators.nas import LoginResult

_PATIENCE_SECONDS = 15.0
_MINUTE = 60


def pppoe_login(scene: Scene, report: Report) -> None:
    """Log a daily prepaid PPPoE customer in: rate limit on, service day charged."""
    report.heading("A PPPoE customer logs in (CHAP); his day is charged")
    user = scene.customer("rahim", HOME, "100")
    login = scene.pppoe.login(user, PASSWORD, method="chap")
    report.check("PPPoE login is answered", "accepted", answer_of(login))
    report.check("rate limit, upload first", "5M/10M", login.rate_limit)
    report.check("wallet after one day of 600/30", "80.00", scene.posted(user))
    report.check("bill of the day", "20.00 paid", _bill(scene, user))
    session = scene.pppoe.start_session(login, up=20_000, down=200_000)
    scene.pppoe.advance(2 * _MINUTE)
    folded(scene)
    report.check("octets on record", session.output_octets, _octets(scene, user))
    session.stop()
    folded(scene)
    again = scene.pppoe.login(user, PASSWORD, method="mschapv2")
    report.check("second login of the day (MS-CHAPv2)", "accepted", answer_of(again))
    report.check("and no second charge", "80.00", scene.posted(user))


def refusals(scene: Scene, report: Report) -> None:
    """Refuse a wrong password and an empty wallet, with reasons."""
    report.heading("Who may not come in is told why")
    user = scene.customer("karim", HOME, "100")
    wrong = scene.pppoe.login(user, "not-his-password", method="chap")
    report.check("wrong password", "rejected", answer_of(wrong))
    report.check("reason on record", "BAD_CREDENTIALS", last_reason(scene, user))
    report.check("it cost nothing", "100.00", scene.posted(user))
    poor = scene.customer("selim", HOME, "0")
    empty = scene.pppoe.login(poor, PASSWORD)
    report.check("empty wallet", "rejected", answer_of(empty))
    report.check("reason on record", "BALANCE_EXHAUSTED", last_reason(scene, poor))
    report.check("and the customer is told", True, bool(empty.reply_message))


def hotspot_runs_dry(scene: Scene, report: Report) -> str:
    """Charge a hotspot session by the minute until the wallet is empty; cut it."""
    report.heading("A hotspot session, one taka a minute, until the wallet is empty")
    user = scene.customer("mina", HOTSPOT, "3")
    login = scene.hotspot.login(user, PASSWORD, method="chap")
    report.check("hotspot login is answered", "accepted", answer_of(login))
    report.check("told to stop after (s)", 180, login.session_timeout_seconds)
    report.check("reserved for it", "0.00", scene.available(user))
    session = scene.hotspot.start_session(login, up=10_000, down=50_000)
    for minute in (1, 2):
        scene.hotspot.advance(_MINUTE)
        folded(scene)
        left = f"{3 - minute}.00"
        report.check(f"wallet after minute {minute}", left, scene.posted(user))
    # The last report a second before the limit, so that it is our Disconnect and not
    # the NAS's own limit that ends the session.
    scene.hotspot.advance(_MINUTE - 1)
    session.interim()
    folded(scene)
    report.check("wallet after minute 3", "0.00", scene.posted(user))
    _wait(lambda: not session.is_live)
    report.check("Disconnect ended it", "Admin-Reset", session.terminate_cause)
    asked = (
        "SELECT {} FROM outbox o JOIN login l USING (customer_id) WHERE l.username = %s"
    )
    _wait(lambda: scene.one(asked.format("o.state"), user) == "done")
    report.check(
        "NAS answered the Disconnect", "ACK", scene.one(asked.format("o.outcome"), user)
    )
    # The NAS sends its Stop after the ACK.
    _wait(lambda: _bill(scene, user) is not None)
    report.check("bill of the session", "3.00 paid", _bill(scene, user))
    return user


def back_after_top_up(scene: Scene, report: Report, user: str) -> None:
    """Refuse the empty wallet, take cash, accept."""
    report.heading("He comes back: refused, pays, accepted")
    refused = scene.hotspot.login(user, PASSWORD, method="chap")
    report.check("login with an empty wallet", "rejected", answer_of(refused))
    report.check("reason on record", "BALANCE_EXHAUSTED", last_reason(scene, user))
    scene.cash(user, "50")
    report.check("cash in the wallet", "50.00", scene.posted(user))
    login = scene.hotspot.login(user, PASSWORD, method="chap")
    report.check("login after the top-up", "accepted", answer_of(login))
    session = scene.hotspot.start_session(login, up=1000, down=1000)
    session.stop()
    folded(scene)


def database_restart(scene: Scene, report: Report) -> None:
    """Kill PostgreSQL in mid-session; no packet is lost, none charged twice."""
    report.heading("PostgreSQL is killed in mid-session")
    user = scene.customer("jamal", HOTSPOT, "100")
    login = scene.hotspot.login(user, PASSWORD, method="pap")
    session = scene.hotspot.start_session(login, up=10_000, down=100_000)
    scene.hotspot.advance(_MINUTE)
    folded(scene)
    scene.stack.kill("postgres")
    scene.hotspot.advance(5 * _MINUTE)
    unanswered = sum(not delivery.acknowledged for delivery in session.deliveries)
    report.check("reports unanswered while it was down", 0, unanswered)
    scene.stack.start("postgres")
    scene.reconnect()
    session.stop()
    sent = len(session.deliveries)
    _wait(lambda: _events(scene, user) >= sent)
    folded(scene)
    report.check("packets on record", sent, _events(scene, user))
    report.check("seconds on record", session.session_seconds, _seconds(scene, user))
    report.check("octets on record", session.output_octets, _octets(scene, user))
    minutes = -(-session.session_seconds // _MINUTE)
    report.check("wallet", f"{100 - minutes}.00", scene.posted(user))


def books(scene: Scene, report: Report) -> None:
    """Audit the ledger."""
    report.heading("The books")
    errors = [f.what for f in audit(scene.conn) if f.is_error]
    report.check("khata audit finds", "nothing wrong", _or_nothing(errors))


def answer_of(login: LoginResult) -> str:
    """Say what became of a login."""
    return {"ACCEPT": "accepted", "REJECT": "rejected"}.get(
        login.outcome.name, "not answered"
    )


def _or_nothing(errors: list[str]) -> str:
    return "; ".join(errors) or "nothing wrong"


def last_reason(scene: Scene, username: str) -> object:
    """Return why a username was refused last."""
    return scene.one(
        "SELECT reason FROM access_reject WHERE username = %s"
        " ORDER BY rejected_at DESC LIMIT 1",
        username,
    )


def _bill(scene: Scene, username: str) -> object:
    return scene.one(
        "SELECT gross || ' ' || status FROM bill b JOIN login l USING (customer_id)"
        " WHERE l.username = %s",
        username,
    )


def _events(scene: Scene, username: str) -> int:
    count = scene.one("SELECT count(*) FROM acct_event WHERE username = %s", username)
    return count if isinstance(count, int) else 0


def _octets(scene: Scene, username: str) -> object:
    return scene.one(
        "SELECT max(output_octets) FROM acct_session WHERE username = %s", username
    )


def _seconds(scene: Scene, username: str) -> object:
    return scene.one(
        "SELECT max(session_seconds) FROM acct_session WHERE username = %s", username
    )


def folded(scene: Scene) -> None:
    """Wait until the worker has folded everything that was recorded."""
    _wait(lambda: scene.one("SELECT NOT EXISTS (SELECT FROM acct_intake)") is True)


def _wait(is_so: Callable[[], bool]) -> None:
    """Wait for something to become so; the check that follows says if it did not."""
    patience = time.monotonic() + _PATIENCE_SECONDS
    while not is_so() and time.monotonic() < patience:
        time.sleep(0.02)
