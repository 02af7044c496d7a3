"""What bKash's status codes mean for us.

Texts and numbers: developer.bka.sh/docs/error-codes; the refund codes 2071 to 2082 and
9999 are seen, not listed. A code that we do not know is UNKNOWN: unknown is not failed.
"""

from collections.abc import Iterable
from enum import Enum, auto

SUCCESS = "0000"


class CodeClass(Enum):
    """What to do about an answer that is not 0000."""

    #: It had been done before: ask for the state, it may well be paid.
    ALREADY_DONE = auto()
    #: The customer is not through, or the checkout is past its time.
    NOT_READY = auto()
    #: It ended at the customer: this attempt is over, he may try anew.
    CUSTOMER = auto()
    #: Our account or our request is at fault: a person of the provider must act.
    OURS = auto()
    #: bKash knows no such payment or transaction.
    NO_SUCH = auto()
    #: Nobody knows: ask later.
    UNKNOWN = auto()


def _codes(*parts: int | range) -> Iterable[str]:
    for part in parts:
        for code in (part,) if isinstance(part, int) else part:
            yield f"{code:04d}"


_CLASSES = {
    **dict.fromkeys(
        # payment, transaction or execution already completed; duplicate for all
        # transactions; authorized payment already processed
        _codes(2029, 2062, 2068, 2117, 2119),
        CodeClass.ALREADY_DONE,
    ),
    # invalid payment state, prerequisite for execution not met
    **dict.fromkeys(_codes(2056, 2060), CodeClass.NOT_READY),
    # OTP, PIN and wallet trouble; insufficient balance; not a customer's wallet;
    # already cancelled
    **dict.fromkeys(
        _codes(range(2010, 2020), 2023, range(2057, 2060), 2069),
        CodeClass.CUSTOMER,
    ),
    # app key, amount, currency, intent, body, invoice number, payer reference,
    # callback address, mode, product, field missing, permission, token, identity,
    # party, merchant
    **dict.fromkeys(
        _codes(
            2001,
            range(2006, 2009),
            2025,
            2031,
            2048,
            2049,
            range(2063, 2066),
            2067,
            range(2079, 2083),
        ),
        CodeClass.OURS,
    ),
    # payment id, transaction not found
    **dict.fromkeys(_codes(2002, 2033), CodeClass.NO_SUCH),
}


def class_of(code: str) -> CodeClass:
    """Tell what a code other than 0000 means."""
    return _CLASSES.get(code, CodeClass.UNKNOWN)


# after the allowed days, amount, SKU, not reversible, SKU or reason too long, trxID,
# reason missing; reversals and the state of a party (2034 to 2042)
_REFUND_REFUSED = frozenset(_codes(range(2071, 2079), range(2034, 2043), 2023, 2033))


def refuses_refund(code: str) -> bool:
    """Tell whether a code says that nothing was given back, and nothing will be.

    2127 (not yet completed) is not among them.
    """
    return code in _REFUND_REFUSED
