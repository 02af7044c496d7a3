"""What people type into the filters of the pages, and where lists end."""

from datetime import UTC, datetime, timedelta

import psycopg


def last_page(conn: psycopg.Connection, endpoint: str) -> str | None:
    """Return where the last page of a list begins, as its address says it."""
    query = _LAST.get(endpoint)
    if query is None:
        return None
    row = conn.execute(query.encode()).fetchone()
    if row is None:
        return "1"
    if len(row) == 1:
        return str(row[0])
    return f"{int(row[0].timestamp() * 10**6)}-{row[1]}"


#: The key of a row near the end of each list that has pages.
_LAST = {
    "customers.index": "SELECT 40",
    "bills.index": "SELECT issued_at, bill_id FROM bill"
    " ORDER BY 1, 2 OFFSET 40 LIMIT 1",
    "payments.index": "SELECT received_at, payment_id FROM payment"
    " ORDER BY 1, 2 OFFSET 40 LIMIT 1",
    "verify.index": "SELECT attempt_id FROM payment_attempt"
    " WHERE state IN ('confirmed', 'review') ORDER BY 1 DESC OFFSET 40 LIMIT 1",
    "unmatched.index": "SELECT notice_id FROM gateway_notice"
    " ORDER BY 1 DESC OFFSET 40 LIMIT 1",
    "online.index": "SELECT session_id FROM acct_session WHERE ended_at IS NULL"
    " ORDER BY 1 OFFSET 40 LIMIT 1",
    "rejects.index": "SELECT rejected_at, reject_id FROM access_reject"
    " ORDER BY 1, 2 OFFSET 40 LIMIT 1",
    "audit_log.index": "SELECT at, 4 * customer_event_id FROM customer_event"
    " ORDER BY 1, 2 OFFSET 20 LIMIT 1",
    "runs.index": "SELECT 40",
    "cards.index": "SELECT 3",
    "cards.cards": "SELECT 1000000040",
    "cards.show": "SELECT serial_first + 40 FROM card_batch"
    " ORDER BY batch_id DESC LIMIT 1",
    "cards.tries": "SELECT at, try_id FROM card_try ORDER BY 1, 2 OFFSET 40 LIMIT 1",
}


def samples(conn: psycopg.Connection) -> dict[str, dict[str, str]]:
    """Return what people would type into the filters' fields, by their names."""
    today = datetime.now(UTC).date()
    day = {"ten days ago": (today - timedelta(days=10)).isoformat()}
    month = {"100 days ago": (today - timedelta(days=100)).isoformat()}
    row = conn.execute(
        "SELECT c.username, c.mobile, b.number, p.payment_id, a.reference,"
        " upper(t.transaction_id), s.calling_station_id, host(s.framed_ip)"
        " FROM payment p JOIN customer c USING (customer_id)"
        " JOIN bill b USING (customer_id) JOIN acct_session s USING (customer_id)"
        " JOIN payment_attempt a ON a.attempt_id = p.attempt_id"
        " JOIN gateway_transaction t ON t.attempt_id = a.attempt_id LIMIT 1"
    ).fetchone()
    assert row is not None
    username, mobile, number, payment_id, reference, trx, mac, address = map(str, row)
    return {
        "q": {
            "username": username,
            "mobile": mobile,
            "part of a mobile": mobile[2:9],
            "number of a bill": number,
            "receipt": f"R{payment_id}",
            "reference": reference,
            "gateway's number": trx,
            "MAC": mac,
            "address": address,
            "a common name": "rahman",
            "nobody": "zzzzqq",
            "two letters of nobody": "qz",
        },
        "username": {"known": username, "nobody": "zzzzqq"},
        "customer": {"known": username},
        "actor": {"clerk": "operator:clerk-7", "nobody": "operator:nobody"},
        "device": {"mac": mac},
        "serial": {"known": "1000000100"},
        "batch": {"known": "1"},
        "distributor": {"known": "shop-1", "nobody": "nobody"},
        "amount": {"some": "500"},
        **dict.fromkeys(
            ("since", "issued_from", "received_from", "period_from", "due_from"), month
        ),
        **dict.fromkeys(
            ("until", "issued_to", "received_to", "period_to", "due_to"), day
        ),
        "suspended_by": {"soon": (today + timedelta(days=2)).isoformat()},
    }
