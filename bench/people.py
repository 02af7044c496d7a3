"""Name the customers and sessions of the benchmark, the same way for every system."""

from dataclasses import dataclass

PASSWORD = "correct horse"  # noqa: S105 - of customers that do not exist
NAS_IDENTIFIER = "bench"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything there is."""

    customers: int
    past_sessions: int
    #: Customers whose session runs: the last ones.
    running: int

    @property
    def free(self) -> int:
        """Customers without a running session: they are the ones who log in."""
        return self.customers - self.running


def username(number: int) -> str:
    """Name a customer."""
    return f"c{number:07d}"


def station(number: int) -> str:
    """Name a customer's device."""
    octets = (2, 0, *number.to_bytes(4, "big"))
    return ":".join(f"{octet:02X}" for octet in octets)


def running_session(number: int) -> str:
    """Name the running session of a customer, as the NAS does."""
    return f"8{number:07x}"


def base36(number: int) -> str:
    """Write a number in the digits that our Class cookie uses."""
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[rest] + digits
    return digits or "0"
