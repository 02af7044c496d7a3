"""What tests of the command line share."""

import pytest


@pytest.fixture(scope="module")
def names() -> "list[int]":
    return [0]


@pytest.fixture
def name(names: "list[int]") -> str:
    """A name that no other test uses."""
    names[0] += 1
    return f"n{names[0]}"
