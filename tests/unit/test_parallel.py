"""When FreeRADIUS may be kept from locking each call of Python."""

import pytest

from radius_module import parallel
from radius_module.parallel import READ_VERSIONS, lift_lock


@pytest.mark.parametrize("version", ["", "3.0.26", "3.2.0", "3.2.9", "3.2.11", "4.0.0"])
def test_a_server_that_was_not_looked_into_keeps_its_lock(version: str) -> None:
    assert "was not looked into" in lift_lock(version)


def test_outside_of_freeradius_there_is_no_lock_to_lift() -> None:
    assert "not among what the server loaded" in lift_lock("3.2.1")


def test_the_versions_of_debian_12_and_13_were_read() -> None:
    assert {"3.2.1", "3.2.7"} <= READ_VERSIONS


def test_a_version_is_written_as_libradius_does() -> None:
    # RADIUSD_MAGIC_NUMBER of Debian 12's is 0xf03020100000.
    assert parallel._magic("3.2.1") == 0xF03020100000 >> 20
