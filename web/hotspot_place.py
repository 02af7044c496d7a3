"""The hotspot at whose login page a visitor waits, kept in the page cookie.

The cookie is signed, and an address is looked at again whenever it is used: nobody is
led to a page that is not of a hotspot of ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import session

from billing_core.db.web_portal import list_nas_addresses
from billing_core.hotspot import login_address
from billing_core.mac_addresses import parse_mac
from web.desk import desk

#: Where the page cookie keeps it.
KEPT = "hotspot"
#: RouterOS forgets a device that does nothing long before.
_WAITS = timedelta(hours=12)
_LENGTH_MAX = 200


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody waits, and what he brought from there."""

    login: str
    #: The device's MAC address; None = the hotspot did not tell it.
    device: str | None
    chap_id: str
    challenge: str
    #: When the hotspot showed him its login page: it had no session of his then.
    since: datetime


def remember(told: Mapping[str, str]) -> bool:
    """Keep the place that a hotspot's page tells; False = it is none of ours."""
    login = _ours(told.get("link-login-only", ""))
    if login is None:
        return False
    session[KEPT] = {
        "login": login,
        "device": parse_mac(told.get("mac", "")),
        "chap_id": told.get("chap-id", "")[:_LENGTH_MAX],
        "challenge": told.get("chap-challenge", "")[:_LENGTH_MAX],
        "since": desk().now.timestamp(),
    }
    return True


def place() -> Place | None:
    """Return where the visitor waits, if he does."""
    kept: dict[str, Any] | None = session.get(KEPT)
    if kept is None:
        return None
    since = datetime.fromtimestamp(kept["since"], UTC)
    login = _ours(kept["login"])
    if login is None or desk().now - since > _WAITS:
        return None
    return Place(login, kept["device"], kept["chap_id"], kept["challenge"], since)


def let_lead() -> None:
    """Let the next page lead him there by itself: he has just paid for it."""
    kept: dict[str, Any] | None = session.get(KEPT)
    if kept is not None:
        session[KEPT] = {**kept, "leads": True}


def may_lead() -> bool:
    """Tell it, once: who goes back from the hotspot is not led there again."""
    kept: dict[str, Any] | None = session.get(KEPT)
    if kept is None or not kept.get("leads"):
        return False
    session[KEPT] = {**kept, "leads": False}
    return True


def _ours(told: str) -> str | None:
    at = desk()
    return login_address(told, at.settings.hotspot_hosts, list_nas_addresses(at.conn))
