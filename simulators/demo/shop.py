"""Where the demo's customers pay: our web app, and a *simulated* bKash, over HTTP."""

import logging
import re
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import httpx
from werkzeug.serving import BaseWSGIServer, make_server

from billing_core.gateway_settings import PaymentSettings, Verification
from billing_core.gateways.bkash import BkashSettings
from billing_core.settings import Settings
from simulators.gateways import bkash
from simulators.gateways.common import hang
from simulators.gateways.server import LOOPBACK, make_gateway_server
from web import create_app
from web.desk import close_desks

_FOUND = 303


@dataclass(frozen=True, slots=True)
class Shop:
    """The simulated gateway, and our pages by how a payment is verified."""

    bkash: bkash.BkashState
    #: Address of the web app that lets an operator verify, or verifies by itself.
    pages: dict[str, str]

    def begin(self, link: str) -> str:
        """Open a payment link, choose bKash; returns the address of bKash's page."""
        with httpx.Client(timeout=30) as browser:
            page = browser.get(link).raise_for_status().text
            token = re.search(r'name="csrf_token" value="([^"]+)"', page)
            form = {"gateway": "bkash", "csrf_token": token[1] if token else ""}
            return _leads(browser.post(link, data=form))

    def pay(self, checkout: str) -> str:
        """Press pay on bKash's page and follow it; returns the state that we show."""
        with httpx.Client(timeout=30) as browser:
            back = _leads(browser.post(checkout, data={"button": "pay"}))
        return self.come_back(back)

    def come_back(self, back: str) -> str:
        """Come back from the gateway; returns the state that our page shows."""
        with httpx.Client(timeout=60) as browser:
            result = httpx.URL(back).join(_leads(browser.get(back)))
            page = browser.get(result).raise_for_status().text
        state = re.search(r'data-state="(\w+)"', page)
        return state[1] if state else "no state"


@contextmanager
def open_shop(settings: Settings) -> Iterator[Shop]:
    """Serve a simulated bKash and our own pages on loopback, each on a free port."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    # A simulator that is started anew must not give the ids of the last one again.
    state = bkash.BkashState(silence=hang, number=int(time.time()))
    with ExitStack() as open_servers:
        gateway = make_gateway_server({"bkash": bkash.create_app(state)}, port=0)
        open_servers.enter_context(_serving(gateway))
        account = BkashSettings(
            base_url=f"http://{LOOPBACK}:{gateway.server_port}/bkash/v1.2.0-beta",
            username=state.username,
            password=state.password,
            app_key=state.app_key,
            app_secret=state.app_secret,
            short_code=state.short_code,
        )
        pages = {
            verification: open_servers.enter_context(
                _serve_pages(settings, account, verification)
            )
            for verification in ("operator", "automatic")
        }
        yield Shop(state, pages)


@contextmanager
def _serve_pages(
    settings: Settings, account: BkashSettings, verification: Verification
) -> Iterator[str]:
    # The port is known once somebody listens; the app is told by it where it is.
    server = make_server(LOOPBACK, 0, _not_yet, threaded=True)
    address = f"http://{LOOPBACK}:{server.server_port}"
    payments = PaymentSettings(
        public_url=address, bkash=account, verification={"bkash": verification}
    )
    app = create_app(replace(settings, payments=payments, log_level="WARNING"))
    server.app = app
    try:
        with _serving(server):
            yield address
    finally:
        close_desks(app)


def _not_yet(environ: object, start_response: object) -> list[bytes]:
    raise RuntimeError("asked before the app was there")


@contextmanager
def _serving(server: BaseWSGIServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _leads(response: httpx.Response) -> str:
    if response.status_code != _FOUND:
        raise RuntimeError(
            f"{response.request.url.path} answered {response.status_code}:"
            f" {response.text[:300]}"
        )
    return response.headers["Location"]
