"""Settings: where they come from, and how a wrong one is told."""

import base64
from pathlib import Path

import pytest

from billing_core.settings import Settings, SettingsError, load_settings

KEY = base64.b64encode(bytes(range(32))).decode("ascii")
WHOLE = {
    "KHATA_DATABASE_URL": "postgresql://khata:pw@127.0.0.1:5432/khata",
    "KHATA_SECRET_KEY": KEY,
    "KHATA_CURRENCY": "BDT",
    "KHATA_ZONE": "Asia/Dhaka",
    "KHATA_VAR": "/var/lib/khata",
}
TOML = f"""
database_url = "postgresql://khata:pw@127.0.0.1:5432/khata"
secret_key = "{KEY}"
currency = "BDT"
zone = "Asia/Dhaka"
"""


def in_file(directory: Path, text: str) -> dict[str, str]:
    """Write a khata.toml and return the environment that names it."""
    file = directory / "khata.toml"
    file.write_text(text, encoding="utf-8")
    return {"KHATA_CONFIG": str(file)}


def test_the_environment_alone_is_enough(tmp_path: Path) -> None:
    settings = load_settings({**WHOLE, **in_file(tmp_path, "")}, tmp_path)
    assert settings.database_url == WHOLE["KHATA_DATABASE_URL"]
    assert settings.secret_key == bytes(range(32))
    assert settings.currency == "BDT"
    assert settings.zone.key == "Asia/Dhaka"
    assert settings.var_dir == Path("/var/lib/khata")
    assert (settings.web_host, settings.web_port) == ("127.0.0.1", 8080)
    assert settings.log_level == "INFO"


def test_a_file_alone_is_enough_and_its_directory_is_var(tmp_path: Path) -> None:
    settings = load_settings(in_file(tmp_path, TOML), tmp_path)
    assert settings.currency == "BDT"
    assert settings.var_dir == tmp_path


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    environ = {**in_file(tmp_path, TOML), "KHATA_CURRENCY": "USD"}
    assert load_settings(environ, tmp_path).currency == "USD"


def test_the_file_is_found_from_a_directory_below(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    in_file(tmp_path / "var", TOML)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert load_settings({}, below).var_dir == tmp_path / "var"


def test_the_file_of_a_named_var_is_found(tmp_path: Path) -> None:
    in_file(tmp_path, TOML)
    settings = load_settings({"KHATA_VAR": str(tmp_path)}, Path("/"))
    assert settings.var_dir == tmp_path
    assert settings.currency == "BDT"


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_a_missing_setting_names_itself(name: str, tmp_path: Path) -> None:
    environ = {**WHOLE, **in_file(tmp_path, "")}
    del environ[name]
    if name == "KHATA_VAR":  # the place of the file stands in for it
        assert load_settings(environ, tmp_path).var_dir == tmp_path
        return
    with pytest.raises(SettingsError, match=name):
        load_settings(environ, tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KHATA_DATABASE_URL", "mysql://khata@localhost/khata"),
        ("KHATA_SECRET_KEY", "not base64!"),
        ("KHATA_SECRET_KEY", base64.b64encode(b"short").decode("ascii")),
        ("KHATA_CURRENCY", "taka"),
        ("KHATA_ZONE", "Asia/Dacca2"),
        ("KHATA_ZONE", "../../etc/passwd"),
        ("KHATA_VAR", "var"),
        ("KHATA_WEB_PORT", "0"),
        ("KHATA_WEB_PORT", "65536"),
        ("KHATA_WEB_PORT", "http"),
        ("KHATA_LOG_LEVEL", "loud"),
        ("KHATA_PARALLEL_LOGINS", "maybe"),
        ("KHATA_CURRENCY", " "),
    ],
)
def test_a_wrong_setting_names_itself(name: str, value: str, tmp_path: Path) -> None:
    environ = {**WHOLE, **in_file(tmp_path, ""), name: value}
    with pytest.raises(SettingsError, match=name):
        load_settings(environ, tmp_path)


def test_an_unknown_key_in_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="curency"):
        load_settings(in_file(tmp_path, TOML + 'curency = "BDT"\n'), tmp_path)


@pytest.mark.parametrize("value", ["true", "1.5", "[1]", "{}"])
def test_a_value_of_another_kind_is_named(value: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="log_level"):
        load_settings(in_file(tmp_path, f"{TOML}log_level = {value}\n"), tmp_path)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"khata\.toml"):
        load_settings(in_file(tmp_path, "currency ="), tmp_path)


def test_a_named_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml"):
        load_settings({"KHATA_CONFIG": str(tmp_path / "nowhere.toml")}, tmp_path)


def test_a_secret_is_read_from_the_file_that_is_named(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text(KEY + "\n", encoding="ascii")
    environ = {**WHOLE, **in_file(tmp_path, ""), "KHATA_SECRET_KEY_FILE": str(secret)}
    del environ["KHATA_SECRET_KEY"]
    assert load_settings(environ, tmp_path).secret_key == bytes(range(32))


def test_a_secrets_file_is_looked_for_beside_khata_toml(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY, encoding="ascii")
    text = TOML.replace(f'secret_key = "{KEY}"', 'secret_key_file = "key"')
    settings = load_settings(in_file(tmp_path, text), Path("/"))
    assert settings.secret_key == bytes(range(32))


def test_a_secret_in_the_environment_wins_over_a_file_in_khata_toml(
    tmp_path: Path,
) -> None:
    text = TOML.replace(f'secret_key = "{KEY}"', 'secret_key_file = "nowhere"')
    environ = {**in_file(tmp_path, text), "KHATA_SECRET_KEY": KEY}
    assert load_settings(environ, tmp_path).secret_key == bytes(range(32))


@pytest.mark.parametrize("content", [None, "", b"\xff\xfe"])
def test_an_unusable_secrets_file_is_an_error_not_a_default(
    content: str | bytes | None, tmp_path: Path
) -> None:
    secret = tmp_path / "key"
    if isinstance(content, bytes):
        secret.write_bytes(content)
    elif content is not None:
        secret.write_text(content, encoding="ascii")
    environ = {**WHOLE, **in_file(tmp_path, ""), "KHATA_SECRET_KEY_FILE": str(secret)}
    del environ["KHATA_SECRET_KEY"]
    with pytest.raises(SettingsError, match="KHATA_SECRET_KEY_FILE"):
        load_settings(environ, tmp_path)


def test_a_secret_given_twice_is_an_error(tmp_path: Path) -> None:
    environ = {**WHOLE, **in_file(tmp_path, ""), "KHATA_SECRET_KEY_FILE": "/x"}
    with pytest.raises(SettingsError, match="give only one"):
        load_settings(environ, tmp_path)
    text = TOML + 'database_url_file = "x"\n'
    with pytest.raises(SettingsError, match="give only one"):
        load_settings(in_file(tmp_path, text), tmp_path)


def test_secrets_are_in_no_message(tmp_path: Path) -> None:
    settings: Settings = load_settings({**WHOLE, **in_file(tmp_path, "")}, tmp_path)
    assert "pw" not in repr(settings)
    assert KEY not in repr(settings)
    wrong = {**WHOLE, **in_file(tmp_path, ""), "KHATA_SECRET_KEY": "geheim!"}
    with pytest.raises(SettingsError) as told:
        load_settings(wrong, tmp_path)
    assert "geheim" not in str(told.value)
