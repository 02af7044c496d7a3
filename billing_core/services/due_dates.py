"""Let a bill be due on another day."""

from datetime import datetime

from billing_core.db import web_bills as db
from billing_core.db.connect import Connection
from billing_core.db.corrections import BillStanding
from billing_core.services.arrival import money_came
from billing_core.services.corrections import CorrectionError, log_on_bill, with_bill


def move_due_date(
    conn: Connection,
    bill_name: str,
    due_at: datetime,
    *,
    reason: str,
    actor: str,
    now: datetime,
) -> None:
    """Let an open bill be due at another moment; its suspension moves as far.

    The bill's amounts and period stay as they were issued. Who was suspended over it
    and is not any more gets his service back.
    """

    def work(bill: BillStanding) -> None:
        if not db.move_due(conn, bill.customer_id, bill.bill_id, due_at):
            raise CorrectionError(
                f"Bill {bill.name} is {bill.status}: only an open bill has a due date."
            )
        note = f"{bill.name}: {due_at.date().isoformat()} {reason}".strip()
        log_on_bill(conn, bill, "due date", note, actor, now)
        money_came(conn, bill.customer_id, now=now, actor=actor)

    with_bill(conn, bill_name, work)
