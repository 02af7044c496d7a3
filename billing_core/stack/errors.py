"""The one error of the embedded stack: what is wrong and how to mend it."""

from billing_core.errors import BillingError


class StackError(BillingError):
    """The stack cannot do what was asked; `mend` is what a person can do about it."""

    def __init__(self, message: str, mend: str = "") -> None:
        super().__init__(f"{message}\n{mend}" if mend else message)
        self.message = message
        self.mend = mend
