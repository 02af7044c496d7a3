"""Bring one stack up for all tests with real NAS software."""

from collections.abc import Iterator

import pytest

from .site import Site, site


@pytest.fixture(scope="session")
def isp() -> Iterator[Site]:
    with site() as running:
        yield running
