"""What the stack needs of the machine, and how it says that something is wrong."""

import sys
from pathlib import Path

import pytest

from billing_core.stack import StackError, packages


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    needed = {"here": tmp_path, "freeradius-python3": tmp_path / "rlm_python3.so"}
    assert packages.missing_packages(needed) == ["freeradius-python3"]


def test_a_missing_package_stops_the_start_and_tells_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(packages.NEEDED_FILES, "freeradius-python3", tmp_path / "no")
    with pytest.raises(StackError, match="freeradius-python3") as told:
        packages.find_programs()
    assert "make setup" in told.value.mend


@pytest.mark.parametrize("version", [(3, 2, 9), (3, 2, 10)])
def test_a_freeradius_that_loses_what_python_returns_is_refused(
    version: tuple[int, ...],
) -> None:
    with pytest.raises(StackError, match="without any limit"):
        packages.refuse_broken_freeradius(version)


@pytest.mark.parametrize("version", [(3, 0, 26), (4, 0, 0)])
def test_a_freeradius_with_another_configuration_is_refused(
    version: tuple[int, ...],
) -> None:
    with pytest.raises(StackError, match="another configuration"):
        packages.refuse_broken_freeradius(version)


@pytest.mark.parametrize("version", [(3, 2, 1), (3, 2, 8), (3, 2, 11)])
def test_other_versions_of_freeradius_are_taken(version: tuple[int, ...]) -> None:
    packages.refuse_broken_freeradius(version)


def test_the_version_is_read_from_what_freeradius_prints() -> None:
    printed = "radiusd: FreeRADIUS Version 3.2.10, for host x86_64-pc-linux-gnu, built"
    assert packages.parse_freeradius_version(printed) == (3, 2, 10)


def test_a_freeradius_that_tells_no_version_is_refused() -> None:
    with pytest.raises(StackError, match="which version"):
        packages.parse_freeradius_version("")


def test_another_python_than_freeradius_embeds_is_refused() -> None:
    with pytest.raises(StackError, match=r"embeds Debian's Python 3\.99") as told:
        packages.refuse_wrong_python("3.99")
    assert "make setup" in told.value.mend


def test_the_same_python_from_another_place_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    monkeypatch.setattr(sys, "_base_executable", "/home/me/.pyenv/bin/python3")
    with pytest.raises(StackError, match=r"\.pyenv"):
        packages.refuse_wrong_python(running)


def test_a_module_that_links_no_python_is_told() -> None:
    with pytest.raises(StackError, match="links no libpython"):
        packages.embedded_python(Path("/bin/true"))


def make_postgres(versions: Path, *names: str) -> None:
    for name in names:
        (versions / name / "bin").mkdir(parents=True)
        (versions / name / "bin" / "initdb").touch()


def test_the_newest_postgresql_makes_a_new_cluster(tmp_path: Path) -> None:
    make_postgres(tmp_path, "9", "15", "17")
    assert packages.find_postgres(versions=tmp_path) == (tmp_path / "17" / "bin", 17)


def test_an_existing_cluster_gets_the_postgresql_that_made_it(tmp_path: Path) -> None:
    make_postgres(tmp_path, "15", "17")
    assert packages.find_postgres(15, tmp_path) == (tmp_path / "15" / "bin", 15)


def test_a_cluster_of_a_postgresql_that_is_gone_is_told(tmp_path: Path) -> None:
    make_postgres(tmp_path, "17")
    with pytest.raises(StackError, match="made by PostgreSQL 15; installed: 17"):
        packages.find_postgres(15, tmp_path)


def test_no_postgresql_and_an_old_one_are_told(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="Missing Debian package: postgresql"):
        packages.find_postgres(versions=tmp_path)
    make_postgres(tmp_path, "13")
    with pytest.raises(StackError, match="PostgreSQL 13 is too old"):
        packages.find_postgres(versions=tmp_path)
