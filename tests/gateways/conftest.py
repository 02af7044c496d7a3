"""Fixtures of the gateways' tests."""

from collections.abc import Iterator

import pytest

from tests.gateways.nagad_lab import Lab


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Give Nagad's gateway with the simulated Nagad behind it."""
    made = Lab()
    yield made
    made.http.close()
