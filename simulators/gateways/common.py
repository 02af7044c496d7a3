"""What the simulated gateways share: clock, fault knobs, the customer's page."""

import html
import json
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import httpx
from flask import Flask, Response, abort, jsonify, request

Clock = Callable[[], datetime]
#: What happens when a gateway takes a request and never answers.
Silence = Callable[[], None]

#: A fault that is armed for this payment happens to every payment.
ANY = "*"

_START = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)


class SteppedClock:
    """Stand still until told to move: the same steps give the same answers."""

    def __init__(self, start: datetime = _START) -> None:
        self._now = start

    def __call__(self) -> datetime:
        """Tell the time."""
        return self._now

    def forward(self, **by: float) -> None:
        """Move on: forward(hours=1)."""
        self._now += timedelta(**by)


def wall_clock() -> datetime:
    """Tell the time of day, for a simulator that runs as a server."""
    return datetime.now(UTC)


def lost_in_process() -> None:
    """Let the client in this process see what it sees when no answer comes."""
    raise httpx.ReadTimeout("simulated: no answer came")


def hang() -> None:
    """Keep a client over a socket waiting longer than it should wait."""
    time.sleep(40)


class Faults:
    """Which fault happens to which payment.

    A payment is named by any id that it has; faults stay armed until disarmed, or for
    so many times. Safe to use from several threads.
    """

    def __init__(self, known: Collection[str]) -> None:
        self.known = frozenset(known)
        self._armed: dict[tuple[str, str], int | None] = {}
        self._lock = threading.Lock()

    def arm(self, fault: str, payment: str = ANY, *, times: int | None = None) -> None:
        """Let a fault happen from now on."""
        if fault not in self.known:
            raise ValueError(f"no such fault: {fault}")
        with self._lock:
            self._armed[fault, payment] = times

    def disarm(self, fault: str, payment: str = ANY) -> None:
        """Let a fault happen no more."""
        with self._lock:
            self._armed.pop((fault, payment), None)

    def strikes(self, fault: str, *names: str) -> bool:
        """Tell whether a fault happens now to the payment of these names."""
        if fault not in self.known:
            raise ValueError(f"no such fault: {fault}")
        with self._lock:
            for key in ((fault, name) for name in (*names, ANY)):
                if key not in self._armed:
                    continue
                left = self._armed[key]
                if left is not None:
                    if left <= 1:
                        del self._armed[key]
                    else:
                        self._armed[key] = left - 1
                return True
            return False

    def armed(self) -> list[dict[str, object]]:
        """List what is armed."""
        with self._lock:
            return [
                {"fault": fault, "payment": payment, "times": times}
                for (fault, payment), times in self._armed.items()
            ]


def new_app(name: str, faults: Faults) -> Flask:
    """Make the Flask app of a simulator, with its faults at /simulated/faults.

    GET lists them, POST arms one (fault, payment, times); DELETE disarms it.
    """
    app = Flask(name, static_folder=None, template_folder=None)
    # A timeout that is simulated in this process has to reach the client as one.
    app.config["PROPAGATE_EXCEPTIONS"] = True

    @app.get("/simulated/faults")
    def list_faults() -> Response:
        return jsonify(known=sorted(faults.known), armed=faults.armed())

    @app.route("/simulated/faults", methods=["POST", "DELETE"])
    def change_fault() -> Response:
        fault = request.values.get("fault", "")
        payment = request.values.get("payment", ANY)
        times = request.values.get("times", type=int)
        if fault not in faults.known:
            abort(Response(f"no such fault: {fault!r}\n", 404, mimetype="text/plain"))
        if request.method == "DELETE":
            faults.disarm(fault, payment)
        else:
            faults.arm(fault, payment, times=times)
        return jsonify(armed=faults.armed())

    return app


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>SIMULATED {gateway}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 26rem; margin: 2rem auto;
        padding: 0 1rem; color: #222; }}
.simulated {{ background: #fff3cd; border: 2px dashed #b58900; padding: .5rem 1rem; }}
dt {{ color: #666; }} dd {{ margin: 0 0 .5rem; font-weight: 600; }}
label {{ display: block; margin: .5rem 0; }} input {{ font: inherit; width: 100%; }}
button {{ font: inherit; padding: .5rem 1rem; margin: .5rem .5rem 0 0; }}
</style></head><body>
<p class="simulated"><strong>SIMULATED {gateway}.</strong> No money moves here.</p>
{body}
</body></html>
"""


def notice_page(gateway: str, text: str) -> str:
    """Make a page of the simulated gateway that only says something."""
    return _PAGE.format(
        gateway=html.escape(gateway), body=f"<p>{html.escape(text)}</p>"
    )


def customer_page(
    gateway: str,
    *,
    facts: Sequence[tuple[str, str]],
    fields: Sequence[tuple[str, str, str]],
    buttons: Sequence[tuple[str, str]],
) -> str:
    """Make the page where the customer pays, fails or gives up.

    ``facts`` are (label, value), ``fields`` (name, label, value) and ``buttons`` (value
    of the form's ``button``, label); the form is posted to the page's own address.
    """
    rows = "".join(
        f"<dt>{html.escape(label)}</dt><dd>{html.escape(value)}</dd>"
        for label, value in facts
    )
    inputs = "".join(
        f"<label>{html.escape(label)}"
        f'<input name="{html.escape(name)}" value="{html.escape(value)}"></label>'
        for name, label, value in fields
    )
    choices = "".join(
        f'<button name="button" value="{html.escape(value)}">{html.escape(label)}'
        "</button>"
        for value, label in buttons
    )
    return _PAGE.format(
        gateway=html.escape(gateway),
        body=f'<dl>{rows}</dl><form method="post">{inputs}{choices}</form>',
    )


def posting_page(gateway: str, *, action: str, fields: Mapping[str, str]) -> str:
    """Make a page that posts a form to the shop by itself, across sites."""
    inputs = "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
        for name, value in fields.items()
    )
    return _PAGE.format(
        gateway=html.escape(gateway),
        body=(
            f'<form id="back" method="post" action="{html.escape(action)}">{inputs}'
            "<button>Back to the shop</button></form>"
            '<script>document.getElementById("back").submit()</script>'
        ),
    )


def leading_page(gateway: str, addresses: Sequence[str]) -> str:
    """Make a page that calls several addresses of the shop and stays at the last."""
    # Inside a script, "</" would end it.
    listed = json.dumps(list(addresses)).replace("<", "\\u003c")
    return _PAGE.format(
        gateway=html.escape(gateway),
        body=(
            "<script>(async () => {"
            f" const addresses = {listed}; const last = addresses.pop();"
            " for (const a of addresses) {"
            " await fetch(a, {mode: 'no-cors'}).catch(() => null); }"
            " location = last; })()</script>"
        ),
    )
