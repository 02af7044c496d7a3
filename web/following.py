"""Speak with gateways beside the pages: an answer may take a minute and more.

A few threads serve all pages. Were each of them to wait for a gateway that hangs, four
customers of it would take the operators' pages away, too.
"""

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from flask import Flask, current_app
from flask_babel import gettext as _

from billing_core.db.connect import connect
from billing_core.errors import BillingError
from billing_core.gateways.bkash import SUBSCRIPTION, BkashGateway
from billing_core.gateways.contract import CallbackRequest, Gateway, Hint
from billing_core.services.payments.hints import take_hint
from billing_core.settings import Settings
from web.desk import settings

log = logging.getLogger(__name__)

# Of one gateway: so many are asked about at once, and so many wait for it. What comes
# beyond is left to the reconciler, which asks about each attempt by itself.
_THREADS = 4
_WAITING_MAX = 200
# A customer who comes back mostly finds it settled; how many threads wait for that.
_PATIENCE_SECONDS = 5.0
_PATIENT_MAX = 2
# How many threads of pages may speak with a gateway at once, for what cannot be put
# off: a checkout's address, an operator who asks.
_IN_PAGES_MAX = 2
_TURN_SECONDS = 2.0
# How many may read a notice at once: its certificate may have to be fetched first.
_NOTICES_MAX = 2


class GatewayBusyError(BillingError):
    """Others wait for the gateway."""

    def __init__(self) -> None:
        super().__init__(
            _("Others are waiting for the payment gateway: try again in a minute.")
        )


@dataclass(slots=True)
class _Followers:
    """Those of one process."""

    patient: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(_PATIENT_MAX)
    )
    in_pages: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(_IN_PAGES_MAX)
    )
    notices: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(_NOTICES_MAX)
    )
    #: One gateway that hangs does not keep another's answers back.
    pools: dict[str, ThreadPoolExecutor] = field(default_factory=dict)
    open: dict[str, set[Future[None]]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


def register(app: Flask) -> None:
    """Let an app follow what gateways say; threads begin with the first of it."""
    app.extensions["khata_followers"] = _Followers()


def follow(
    gateway: Gateway, hint: Hint, callback: CallbackRequest
) -> Future[None] | None:
    """Follow a hint beside the request; None = too many wait for the gateway."""
    followers = _of(current_app)
    with followers.lock:
        pool = followers.pools.get(gateway.name)
        if pool is None:
            pool = ThreadPoolExecutor(_THREADS, f"follow-{gateway.name}")
            followers.pools[gateway.name] = pool
        waiting = followers.open.setdefault(gateway.name, set())
        waiting.difference_update([each for each in waiting if each.done()])
        if len(waiting) >= _WAITING_MAX:
            log.warning("pay.too_many_wait gateway=%s", gateway.name)
            return None
        future = pool.submit(_follow, settings(), gateway, hint, callback)
        waiting.add(future)
    return future


def wait_a_moment(future: Future[None]) -> None:
    """Wait for what mostly takes a moment, if few others do so."""
    followers = _of(current_app)
    if not followers.patient.acquire(blocking=False):
        return
    try:
        wait_for([future], _PATIENCE_SECONDS)
    finally:
        followers.patient.release()


@contextmanager
def in_page() -> Iterator[None]:
    """Speak with a gateway while the visitor waits; or tell him that others do."""
    followers = _of(current_app)
    if not followers.in_pages.acquire(timeout=_TURN_SECONDS):
        raise GatewayBusyError
    try:
        yield
    finally:
        followers.in_pages.release()


@contextmanager
def taking_notice() -> Iterator[None]:
    """Read a notice while the gateway's server waits; or tell it to come again."""
    followers = _of(current_app)
    if not followers.notices.acquire(timeout=_TURN_SECONDS):
        raise GatewayBusyError
    try:
        yield
    finally:
        followers.notices.release()


def finish_following(app: Flask) -> None:
    """Wait until all is followed that came; for tests."""
    for waiting in list(_of(app).open.values()):
        wait_for(list(waiting))


def _of(app: Flask) -> _Followers:
    found = app.extensions["khata_followers"]
    assert isinstance(found, _Followers)  # noqa: S101 - narrows the type
    return found


def _follow(
    settings: Settings, gateway: Gateway, hint: Hint, callback: CallbackRequest
) -> None:
    """Ask what became of the attempt that a hint names."""
    try:
        if hint.claims == SUBSCRIPTION and isinstance(gateway, BkashGateway):
            # Amazon asks whether we want the notices of the topic in our settings.
            gateway.confirm_subscription(callback)
            return
        with connect(settings.database_url, application="web-follow") as conn:
            take_hint(
                conn,
                gateway,
                hint,
                verification=settings.payments.verification[gateway.name],
                actor=f"gateway:{gateway.name}",
                now=datetime.now(UTC),
            )
    except Exception:
        # The reconciler asks about whatever this was.
        log.exception("pay.notice_failed gateway=%s", gateway.name)
