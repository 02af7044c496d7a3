"""Wait for what other programs do."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(what: str, look: Callable[[], T], *, seconds: float = 15) -> T:
    """Look until there is something true to see, and return it."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s for {what}, last saw {seen!r}")
        time.sleep(0.05)
    return seen
