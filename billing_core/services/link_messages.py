"""Make a payment link for a bill and send it to its customer."""

from dataclasses import dataclass
from datetime import datetime

from billing_core.db import customers as customers_db
from billing_core.db import messages as db
from billing_core.db.connect import Connection, in_transaction
from billing_core.db.corrections import BillStanding
from billing_core.messages import write_message
from billing_core.reminders import Event
from billing_core.services.payment_links import NewLink, link_address, make_link


@dataclass(frozen=True, slots=True)
class SentLink:
    """A link, and by which ways it goes to the customer; none = to be told him."""

    bill: str
    username: str
    address: str
    expires_at: datetime
    channels: tuple[str, ...]


def send_link(
    conn: Connection,
    bill: BillStanding,
    *,
    public_url: str,
    secret_key: bytes,
    key: str | None = None,
    actor: str,
    now: datetime,
) -> SentLink:
    """Make a link for what is open of a bill; queue a message by each way there is.

    In one transaction: no link is sent that opens nothing. Asked for with the same key
    again, the customer gets no second message.
    """

    def work() -> SentLink:
        made = make_link(
            conn,
            bill.username,
            bill=bill.name,
            amount=None,
            secret_key=secret_key,
            actor=actor,
            now=now,
        )
        address = link_address(public_url, made.token)
        # Each link is told once; those of one form that came twice, once together.
        subject = str(made.link_id) if key is None else f"{bill.bill_id} {key}"
        messages = _messages(conn, bill, made, address, subject)
        if messages:
            db.insert_messages(conn, messages, now)
        return SentLink(
            bill.name,
            bill.username,
            address,
            made.expires_at,
            tuple(message.channel for message in messages),
        )

    return in_transaction(conn, work)


def _messages(
    conn: Connection, bill: BillStanding, made: NewLink, address: str, subject: str
) -> list[db.NewMessage]:
    policy, locality = db.read_policy(conn)
    customer = customers_db.read_customer(conn, bill.customer_id)
    messages = []
    for channel, recipient in (("sms", customer.mobile), ("mail", customer.mail)):
        if channel not in policy.channels or not recipient:
            continue
        text = write_message(
            Event.PAYMENT_LINK.value,
            channel,
            customer.language,
            {
                "name": customer.name or customer.username,
                "amount": made.wanted.amount,
                "address": address,
                "expires_at": made.expires_at,
            },
            locality,
        )
        messages.append(
            db.NewMessage(
                customer.customer_id,
                Event.PAYMENT_LINK.value,
                subject,
                channel,
                recipient,
                customer.language,
                text.title,
                text.body,
            )
        )
    return messages
