"""The rows of a billing run by INSERT … SELECT alone: what a run is held against."""

from datetime import datetime

import psycopg

from bench.billing_data import DAILY_DAYS, DAILY_PRICE, MONTHLY_PRICE


def insert_cycles(
    conn: psycopg.Connection, customers: int, start: datetime, end: datetime
) -> None:
    """Insert a cycle bill of each customer with all that belongs to it."""
    _insert(conn, customers, _BILL, _values(conn, customers, start, end, "cycle"))


def insert_service_days(
    conn: psycopg.Connection, customers: int, start: datetime, end: datetime
) -> None:
    """Insert a service day of each customer with all that belongs to it."""
    values = _values(conn, customers, start, end, "service_day")
    _insert(conn, customers, _BILL, values)
    conn.execute(_DAY, values)


def _values(
    conn: psycopg.Connection,
    customers: int,
    start: datetime,
    end: datetime,
    kind: str,
) -> dict[str, object]:
    row = conn.execute(
        "SELECT nextval('bill_bill_id_seq'), nextval('ledger_entry_entry_id_seq')"
    ).fetchone()
    assert row is not None
    is_cycle = kind == "cycle"
    return {
        "customers": customers,
        "start": start,
        "end": end,
        "kind": kind,
        # None of ours: they would be refused as billed twice.
        "subject": f"bare {start.isoformat()}",
        "bill": row[0],
        "entry": row[1],
        "amount": MONTHLY_PRICE if is_cycle else DAILY_PRICE / DAILY_DAYS,
        "debit": "receivable" if is_cycle else "wallet",
        "status": "unpaid" if is_cycle else "paid",
        "is_paid": not is_cycle,
    }


def _insert(
    conn: psycopg.Connection,
    customers: int,
    statements: tuple[str, ...],
    values: dict[str, object],
) -> None:
    for statement in statements:
        conn.execute(statement, values)
    for sequence in ("bill_bill_id_seq", "ledger_entry_entry_id_seq"):
        conn.execute(
            "SELECT setval(%s, nextval(%s) + %s)", [sequence, sequence, customers]
        )


_BILL = (
    """
    INSERT INTO bill (customer_id, bill_id, kind, period_start, period_end, issued_at,
                      net, vat, gross, paid, status, subject, number, due_at,
                      suspend_at, package_id, profile_id)
    SELECT n, %(bill)s + n, %(kind)s, %(start)s, %(end)s, %(start)s, %(amount)s, 0,
           %(amount)s, CASE WHEN %(is_paid)s THEN %(amount)s ELSE 0 END, %(status)s,
           %(subject)s, 'X-' || lpad((%(bill)s + n)::text, 8, '0'),
           %(start)s::timestamptz + interval '7 days',
           %(start)s::timestamptz + interval '7 days', 1, 1
      FROM generate_series(1, %(customers)s) n
    """,
    """
    INSERT INTO bill_number (number, customer_id, bill_id)
    SELECT 'X-' || lpad((%(bill)s + n)::text, 8, '0'), n, %(bill)s + n
      FROM generate_series(1, %(customers)s) n
    """,
    """
    INSERT INTO bill_line (customer_id, bill_id, line_no, description, quantity, unit,
                           net, vat_percent, vat, gross)
    SELECT n, %(bill)s + n, 1, 'bench-monthly: 2026-01-01 to 2026-01-31', 1, 'cycle',
           %(amount)s, 0, 0, %(amount)s
      FROM generate_series(1, %(customers)s) n
    """,
    """
    INSERT INTO ledger_entry (customer_id, entry_id, kind, occurred_at,
                              idempotency_key, actor)
    SELECT n, %(entry)s + n, CASE %(kind)s WHEN 'cycle' THEN 'bill' ELSE %(kind)s END,
           %(start)s, 'bill:' || %(subject)s, 'bench'
      FROM generate_series(1, %(customers)s) n
    """,
    """
    INSERT INTO posting (customer_id, entry_id, line_no, ledger_account, amount)
    SELECT n, %(entry)s + n, line_no, account, amount
      FROM generate_series(1, %(customers)s) n
     CROSS JOIN (VALUES (1, %(debit)s::text, %(amount)s::numeric),
                        (2, 'income', -%(amount)s::numeric))
             AS line (line_no, account, amount)
    """,
)

_DAY = """
    INSERT INTO service_day (customer_id, service_date, amount, bill_id, entry_id)
    SELECT n, (%(start)s::timestamptz + interval '12 hours')::date + 10000, %(amount)s,
           %(bill)s + n, %(entry)s + n
      FROM generate_series(1, %(customers)s) n
"""
