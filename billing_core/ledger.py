"""The double-entry ledger: balanced entries that are never changed, only reversed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing_core.errors import BillingError
from billing_core.money import VatSplit

WALLET = "wallet"
CASH = "cash"
RECEIVABLE = "receivable"
INCOME = "income"
VAT_PAYABLE = "vat_payable"
ADJUSTMENT = "adjustment"
CARD = "card"
CARD_COMMISSION = "card_commission"
GATEWAY_FEE = "gateway_fee"
DISCOUNT = "discount"


class UnbalancedEntryError(BillingError):
    """The postings of an entry must sum to zero."""

    def __init__(self, kind: str, total: Decimal) -> None:
        super().__init__(f"The postings of this {kind} entry sum to {total}, not to 0.")


@dataclass(frozen=True, slots=True)
class Posting:
    """One leg of an entry: + debit, - credit."""

    ledger_account: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One balanced event of one customer."""

    customer_id: int
    kind: str
    occurred_at: datetime
    #: Names the event of the outside world: the same key is the same event.
    idempotency_key: str
    actor: str
    postings: tuple[Posting, ...]
    note: str = ""
    reverses_entry_id: int | None = None

    def __post_init__(self) -> None:
        """Refuse an entry that does not balance; the database refuses it again."""
        total = sum((p.amount for p in self.postings), Decimal(0))
        if total != 0 or not self.postings:
            raise UnbalancedEntryError(self.kind, total)


def money_in(account: str, amount: Decimal) -> tuple[Posting, ...]:
    """Money that reached us on an account, into the wallet."""
    return (Posting(account, amount), Posting(WALLET, -amount))


def money_out(account: str, amount: Decimal) -> tuple[Posting, ...]:
    """Money given back on an account, out of the wallet."""
    return (Posting(WALLET, amount), Posting(account, -amount))


def cash_in(amount: Decimal, discount: Decimal) -> tuple[Posting, ...]:
    """Cash, and what is given away with it, into the wallet."""
    legs = (
        Posting(CASH, amount),
        Posting(DISCOUNT, discount),
        Posting(WALLET, -amount - discount),
    )
    return tuple(leg for leg in legs if leg.amount)


def money_in_by_gateway(
    gateway: str, amount: Decimal, fee: Decimal
) -> tuple[Posting, ...]:
    """Money that a gateway took for us, into the wallet: less what it keeps."""
    return _less_kept(gateway, amount, GATEWAY_FEE, fee)


def money_in_by_card(amount: Decimal, commission: Decimal) -> tuple[Posting, ...]:
    """A card's money, into the wallet: its seller owes it, less what he keeps."""
    return _less_kept(CARD, amount, CARD_COMMISSION, commission)


def sale(parts: VatSplit) -> tuple[Posting, ...]:
    """Something sold from the wallet: income and the VAT that is not ours."""
    legs = (
        Posting(WALLET, parts.gross),
        Posting(INCOME, -parts.net),
        Posting(VAT_PAYABLE, -parts.vat),
    )
    return tuple(leg for leg in legs if leg.amount)


def reverse(postings: Iterable[Posting]) -> tuple[Posting, ...]:
    """Return the exact mirror of an entry's postings."""
    return tuple(Posting(p.ledger_account, -p.amount) for p in postings)


def _less_kept(
    account: str, amount: Decimal, expense: str, kept: Decimal
) -> tuple[Posting, ...]:
    legs = (
        Posting(account, amount - kept),
        Posting(expense, kept),
        Posting(WALLET, -amount),
    )
    return tuple(leg for leg in legs if leg.amount)
