"""The stack's places: full disks, closed directories, secrets and their readers."""

import os
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from billing_core import stack
from billing_core.settings import SettingsError, load_settings
from billing_core.stack import code_home, lifecycle
from billing_core.stack.identities import postgres_identity, server_identity
from billing_core.stack.layout import REPOSITORY, Layout

ONLY_POSTGRES = ("postgres",)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root switches users")


@pytest.fixture
def var() -> Iterator[Path]:
    with stack.scratch_var() as place:
        yield place
        lifecycle.take_down(place)


def up(var: Path, **choices: str) -> stack.Stack:
    return stack.up(var, processes=ONLY_POSTGRES, fast_init=True, **choices)  # type: ignore[arg-type] # passed on as they are


def test_a_nearly_full_disk_stops_the_start(var: Path) -> None:
    with pytest.raises(stack.StackError, match="MB are free") as told:
        lifecycle.bring_up(
            var, fixed_ports={}, processes=ONLY_POSTGRES, free_octets_min=10**18
        )
    assert "Free some space" in told.value.mend


@as_root
@pytest.mark.parametrize("size", ["20k", "4m"])
def test_a_disk_that_fills_up_during_the_start_is_told(size: str) -> None:
    # 20 kB end while our own files are written, 4 MB while initdb writes.
    program = textwrap.dedent("""
        import sys
        from pathlib import Path
        from billing_core import stack
        from billing_core.stack import lifecycle
        try:
            lifecycle.bring_up(Path("/mnt/var"), fixed_ports={}, free_octets_min=0,
                processes=("postgres",), usual_ports=False)
        except stack.StackError as error:
            print(error)
    """)
    # A mount namespace of its own: the machine's mounts are not touched.
    shell = f'mount -t tmpfs -o size={size},mode=755 none /mnt && exec "$@"'
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", shell, "sh", sys.executable, "-c", program],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode and "unshare" in done.stderr + done.stdout:
        pytest.skip("this root may make no mount namespaces")
    assert "No space left on" in done.stdout, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@as_root
def test_a_var_that_the_servers_may_not_enter_is_told(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(stack.StackError, match="may not enter") as told:
        up(closed / "var")
    assert "chmod o+x" in told.value.mend


@as_root
def test_a_checkout_that_only_root_may_enter_is_moved_out_for_the_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, var: Path
) -> None:
    checkout = tmp_path / "khata"
    (checkout / "billing_core").mkdir(parents=True)
    (checkout / "billing_core" / "__init__.py").write_text('"""Code."""\n')
    strict = checkout / "billing_core" / "strict.py"
    strict.write_text("answer = 42\n")
    strict.chmod(0o600)
    checkout.chmod(0o700)
    monkeypatch.setattr(code_home, "REPOSITORY", checkout)
    monkeypatch.setattr(code_home, "HOMES", var / "homes")
    server = server_identity()

    moved = code_home.reachable_var(None, (postgres_identity(), server))
    assert (checkout / "var").resolve() == moved
    assert moved.is_relative_to(var)
    assert code_home.reachable_var(None, (server,)) == checkout / "var"

    for _ in range(2):  # a second start links the code anew
        home = code_home.reachable_code_home(server)
        read = subprocess.run(
            [home.python, "-c", "import billing_core.strict as s; print(s.answer)"],
            env={"PYTHONPATH": home.python_path},
            cwd="/",
            user=server.uid,
            group=server.gid,
            extra_groups=[],
            capture_output=True,
            text=True,
            check=False,
        )
        assert read.stdout == "42\n", read.stderr


def test_servers_do_not_run_as_root(var: Path) -> None:
    with up(var) as running:
        pid = running.pid("postgres")
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    uids = next(line for line in status.splitlines() if line.startswith("Uid:"))
    assert "0" not in uids.split()[1:]


def test_secrets_are_not_for_everybody(var: Path) -> None:
    with up(var) as running:
        config = running.var / "khata.toml"
        assert running.database_url not in config.read_text(encoding="utf-8")
        for file in (Layout(var).secrets, *Layout(var).secrets.iterdir()):
            assert not file.stat().st_mode & stat.S_IRWXO, file


@as_root
def test_the_servers_user_can_read_the_settings_but_not_the_superusers_password(
    var: Path,
) -> None:
    program = textwrap.dedent("""
        import sys
        from pathlib import Path
        from billing_core.settings import SettingsError, load_settings
        load_settings({"KHATA_CONFIG": sys.argv[1] + "/khata.toml"})
        try:
            print(Path(sys.argv[1], "secrets", "postgres_password").read_text())
        except PermissionError:
            print("kept")
    """)
    server = server_identity()
    home = code_home.reachable_code_home(server)
    with up(var):
        read = subprocess.run(
            [home.python, "-c", program, str(var)],
            env={"PYTHONPATH": home.python_path},
            cwd="/",
            user=server.uid,
            group=server.gid,
            extra_groups=[],
            capture_output=True,
            text=True,
            check=False,
        )
    assert read.stdout == "kept\n", read.stderr


def test_a_lost_sealing_key_is_never_replaced(var: Path) -> None:
    with up(var):
        pass
    (Layout(var).secrets / "secret_key").unlink()
    with pytest.raises(stack.StackError, match="secret_key is missing") as told:
        up(var)
    assert "backup" in told.value.mend


def test_other_lost_secrets_are_made_anew(var: Path) -> None:
    with up(var) as running:
        before = running.database_url
    (Layout(var).secrets / "database_password").unlink()
    with up(var) as running:
        assert running.database_url != before
        assert running.settings.database_url == running.database_url


def test_a_persons_edits_of_the_settings_stay(var: Path) -> None:
    with up(var):
        pass
    config = Layout(var).config
    text = config.read_text(encoding="utf-8").replace("INFO", "DEBUG", 1)
    text = text.replace('log_level = "INFO"', 'log_level = "DEBUG"')
    config.write_text(text, encoding="utf-8")
    with up(var) as running:
        assert running.settings.log_level == "DEBUG"
        assert config.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("old", "new"), [('"BDT"', '"USD"'), ('"Asia/Dhaka"', '"Asia/Kolkata"')]
)
def test_other_money_or_another_zone_than_the_books_stops_the_start(
    var: Path, old: str, new: str
) -> None:
    with up(var):
        pass
    config = Layout(var).config
    config.write_text(config.read_text(encoding="utf-8").replace(old, new))
    with pytest.raises(stack.StackError, match="keeps its books in"):
        up(var)
    assert lifecycle.take_down(var) is False  # nothing was left running


@pytest.mark.parametrize(
    ("choice", "told"),
    [({"currency": "taka"}, "three capital"), ({"zone": "Nowhere/City"}, "no such")],
)
def test_money_or_a_zone_that_cannot_be_is_refused_before_anything_is_made(
    var: Path, choice: dict[str, str], told: str
) -> None:
    with pytest.raises(SettingsError, match=told):
        up(var, **choice)
    layout = Layout(var)
    assert not layout.config.exists()
    assert not any(layout.postgres.iterdir())


def test_other_money_at_a_later_start_is_refused_and_the_same_is_not(var: Path) -> None:
    with up(var, currency="EUR", zone="Europe/Vienna"):
        pass
    for wrong in ({"currency": "BDT"}, {"zone": "Asia/Dhaka"}):
        with pytest.raises(stack.StackError, match="Leave out --"):
            up(var, **wrong)
    with up(var, currency="EUR") as running:
        assert running.settings.currency == "EUR"
        assert running.settings.zone.key == "Europe/Vienna"


def test_a_var_with_a_long_path_works(var: Path) -> None:
    deep = var / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    with up(deep) as running:
        assert running.pid("postgres") is not None
        settings = load_settings({"KHATA_CONFIG": str(deep / "khata.toml")})
        assert settings.database_url == running.database_url


def test_a_directory_that_is_no_database_is_not_written_into(var: Path) -> None:
    data = Layout(var).postgres
    data.mkdir()
    (data / "letter.txt").write_text("mine", encoding="ascii")
    with pytest.raises(stack.StackError, match="neither empty nor a database"):
        up(var)
    assert [file.name for file in data.iterdir()] == ["letter.txt"]
