"""Sessions and packets as the pure rules see them: no database behind them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from billing_core.accounting import START, STOP, AcctEvent, AcctSession

T0 = datetime(2026, 11, 24, 6, tzinfo=UTC)
WRAP = 1 << 32


def a_session(**changes: Any) -> AcctSession:
    facts: dict[str, Any] = {
        "customer_id": 1,
        "session_id": 7,
        "nas_id": 1,
        "package_id": 1,
        "subscription_id": None,
        "state": "opening",
        "acct_session_id": None,
        "class_value": "k1.7",
        "calling_station_id": "",
        "called_station_id": "",
        "nas_port_id": "",
        "nas_ip": None,
        "framed_ip": None,
        "framed_ipv6": "",
        "started_at": T0,
        "last_event_at": T0,
        "last_received_at": T0,
        "interim_interval_seconds": 300,
    }
    return AcctSession(**(facts | changes))


def an_event(
    status: str, seconds: int, *, octets: tuple[int, int] = (0, 0), **changes: Any
) -> AcctEvent:
    gigawords = changes.pop("gigawords", True)
    at = T0 + timedelta(seconds=seconds)
    facts: dict[str, Any] = {
        "intake_id": seconds,
        "received_at": at,
        "nas_id": 1,
        "status_type": status,
        "customer_id": 1,
        "acct_session_id": "80000001",
        "class_value": "k1.7",
        "event_epoch": int(at.timestamp()),
        "session_seconds": None if status == START else seconds,
        "input_octets": octets[0] % WRAP,
        "output_octets": octets[1] % WRAP,
        "input_gigawords": octets[0] // WRAP if gigawords else None,
        "output_gigawords": octets[1] // WRAP if gigawords else None,
        "terminate_cause": "User-Request" if status == STOP else "",
        "nas_ip": "127.0.0.1",
        "nas_port_id": "ether1",
        "calling_station_id": "02:00:00:00:00:01",
        "called_station_id": "hotspot1",
        "framed_ip": "10.0.0.2",
        "framed_ipv6": "",
    }
    if status == START:
        facts |= {"input_octets": None, "output_octets": None}
        facts |= {"input_gigawords": None, "output_gigawords": None}
    return AcctEvent(**(facts | changes))
