"""Settings of a FreeRADIUS with our module in it; pure."""

from collections.abc import Callable
from dataclasses import dataclass

from billing_core.errors import BillingError

PLAIN_NAMES = ("parallel_logins", "radius_cores")
Find = Callable[[str], tuple[str, str] | None]


class RadiusSettingError(BillingError):
    """KHATA_PARALLEL_LOGINS or KHATA_RADIUS_CORES is wrong."""


@dataclass(frozen=True, slots=True)
class RadiusServer:
    """How a FreeRADIUS decides logins."""

    #: Else it calls Python for one login after the other.
    decides_in_parallel: bool = True
    #: Else, with parallel logins, on as many as the machine has.
    keeps_to_one_core: bool = True


USUAL = RadiusServer()


def read_radius_server(find: Find) -> RadiusServer:
    """Read KHATA_PARALLEL_LOGINS and KHATA_RADIUS_CORES."""
    return RadiusServer(
        _is_first(find("parallel_logins"), ("yes", "no")),
        _is_first(find("radius_cores"), ("one", "all")),
    )


def _is_first(found: tuple[str, str] | None, words: tuple[str, str]) -> bool:
    """Tell which of two words stands there; the first is what is usual."""
    if found is None:
        return True
    value, label = found
    if value not in words:
        raise RadiusSettingError(f"{label}={value}: use {words[0]} or {words[1]}.")
    return value == words[0]
