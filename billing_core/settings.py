"""Read the settings from the environment or one khata.toml, and refuse a wrong one."""

import base64
import binascii
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from billing_core.card_settings import SECRET_NAMES as CARD_SECRET_NAMES
from billing_core.card_settings import CardSettingError, read_card_keys
from billing_core.cards import CardKeys
from billing_core.channels import MailServer, SmsGateway
from billing_core.document_settings import (
    NOBODY,
    DocumentSettingError,
    Provider,
    read_provider,
)
from billing_core.document_settings import PLAIN_NAMES as DOCUMENT_PLAIN_NAMES
from billing_core.errors import BillingError
from billing_core.gateway_settings import NO_GATEWAYS, PaymentSettings, read_payments
from billing_core.gateway_settings import PLAIN_NAMES as GATEWAY_PLAIN_NAMES
from billing_core.gateway_settings import SECRET_NAMES as GATEWAY_SECRET_NAMES
from billing_core.gateways.contract import GatewaySettingError
from billing_core.hotspot import (
    NO_HOSTS,
    HotspotHosts,
    HotspotSettingError,
    read_hotspot_hosts,
)
from billing_core.hotspot import PLAIN_NAMES as HOTSPOT_PLAIN_NAMES
from billing_core.message_settings import (
    PLAIN_NAMES,
    SECRET_NAMES,
    MessageSettingError,
    read_mail_server,
    read_policy,
    read_sms_gateway,
)
from billing_core.reminders import NOTHING_TOLD, ReminderPolicy

CONFIG_NAME = "khata.toml"
KEY_BYTES = 32
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")

#: A secret may stand in a file of its own, named by this suffix (NAME_FILE, name_file).
SECRETS = (
    "database_url",
    "secret_key",
    *SECRET_NAMES,
    *CARD_SECRET_NAMES,
    *GATEWAY_SECRET_NAMES,
)
PLAIN = (
    "currency",
    "zone",
    "var",
    "web_host",
    "web_port",
    "log_level",
    "parallel_logins",
    "trusted_proxies",
    *PLAIN_NAMES,
    *GATEWAY_PLAIN_NAMES,
    *DOCUMENT_PLAIN_NAMES,
    *HOTSPOT_PLAIN_NAMES,
)
KNOWN_KEYS = frozenset((*PLAIN, *SECRETS, *(f"{name}_file" for name in SECRETS)))

DEFAULTS = {
    "web_host": "127.0.0.1",
    "web_port": "8080",
    "log_level": "INFO",
    "parallel_logins": "yes",
    "trusted_proxies": "0",
}


class SettingsError(BillingError):
    """A setting is missing or wrong; the message names it and where it came from."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What an installation decides once, before anything starts."""

    #: postgresql:// address of the one database.
    database_url: str
    #: Seals customer passwords; kept outside the database.
    secret_key: bytes
    #: ISO 4217 code of the installation's only currency.
    currency: str
    #: The provider's civil time: service days and bill dates are of this zone.
    zone: ZoneInfo
    #: Directory of everything that changes while the stack runs.
    var_dir: Path
    web_host: str
    web_port: int
    log_level: str
    #: False: FreeRADIUS calls Python for one login after the other.
    parallel_logins: bool = True
    #: Without one, nothing is told by that way.
    mail_server: MailServer | None = None
    sms_gateway: SmsGateway | None = None
    reminders: ReminderPolicy = NOTHING_TOLD
    #: What bills and receipts say of who issues them.
    provider: Provider = NOBODY
    #: Gateways and transfers by which customers can pay.
    payments: PaymentSettings = NO_GATEWAYS
    #: Proxies of our own before the web pages, whose X-Forwarded-… are believed.
    trusted_proxies: int = 0
    #: Without them there are no recharge cards.
    card_keys: CardKeys | None = None
    #: Beside our NAS: where login pages of our hotspots stand.
    hotspot_hosts: HotspotHosts = NO_HOSTS

    def __repr__(self) -> str:  # a traceback or a log line must not show the secrets
        return f"Settings(currency={self.currency!r}, zone={self.zone.key!r})"


def load_settings(
    environ: Mapping[str, str] | None = None, directory: Path | None = None
) -> Settings:
    """Read the settings: KHATA_… of the environment first, then khata.toml."""
    environ = os.environ if environ is None else environ
    config = find_config(environ, directory or Path.cwd())
    return _build(_Source(environ, config, _read_toml(config) if config else {}))


@dataclass(frozen=True, slots=True)
class SettingPlace:
    """A setting, and where it comes from now; never what is secret of it."""

    name: str
    #: As messages name it: KHATA_ZONE, or zone in …/khata.toml; '' = it is not set.
    place: str
    is_secret: bool
    #: '' of a secret, and of what is not set.
    value: str


def list_places(
    environ: Mapping[str, str] | None = None, directory: Path | None = None
) -> list[SettingPlace]:
    """Tell of each setting where it comes from; reads no file but khata.toml.

    As they stand now: a running process goes on with those that it began with.
    """
    environ = os.environ if environ is None else environ
    config = find_config(environ, directory or Path.cwd())
    source = _Source(environ, config, _read_toml(config) if config else {})
    places = []
    for name in (*PLAIN, *SECRETS):
        is_secret = name in SECRETS
        found = source.find(name)
        if is_secret and (file := source.find(f"{name}_file")) is not None:
            found = ("", f"{file[1]}: {file[0]}")
        value, place = found or (DEFAULTS.get(name, ""), "")
        places.append(SettingPlace(name, place, is_secret, "" if is_secret else value))
    return places


def find_config(environ: Mapping[str, str], directory: Path) -> Path | None:
    """Name the khata.toml in force: KHATA_CONFIG, KHATA_VAR's, var/ upwards from here.

    Last comes the var/ of the checkout that this code is part of.
    """
    if named := environ.get("KHATA_CONFIG"):
        path = Path(named)
        if not path.is_file():
            raise SettingsError(f"KHATA_CONFIG={named}: there is no such file.")
        return path
    if var := environ.get("KHATA_VAR"):
        inside = Path(var) / CONFIG_NAME
        return inside if inside.is_file() else None
    checkout = Path(__file__).resolve().parents[1]
    for place in (directory, *directory.parents, checkout):
        candidate = place / "var" / CONFIG_NAME
        if candidate.is_file():
            return candidate
    return None


@dataclass(frozen=True, slots=True)
class _Source:
    """Where settings are looked up, in order, and how a message names them."""

    environ: Mapping[str, str]
    config: Path | None
    table: Mapping[str, object]

    def find(self, name: str) -> tuple[str, str] | None:
        """Return (value, label) of a setting, or nothing."""
        variable = f"KHATA_{name.upper()}"
        if variable in self.environ:
            return self.environ[variable], variable
        if name in self.table:
            value, label = self.table[name], f"{name} in {self.config}"
            if isinstance(value, bool) or not isinstance(value, str | int):
                raise SettingsError(f"{label}: use a text or a whole number.")
            return str(value), label
        return None

    def text(self, name: str) -> tuple[str, str]:
        """Return (value, label) of a setting or its default; complain if missing."""
        found = self.find(name)
        if found is None and name in DEFAULTS:
            return DEFAULTS[name], name
        if found is None or not found[0].strip():
            raise SettingsError(_missing(name, self.config))
        return found[0].strip(), found[1]

    def optional(self, name: str) -> tuple[str, str] | None:
        """Return (value, label) of what need not be set; blank is not set."""
        found = self.find(name)
        if name in SECRETS and self.find(f"{name}_file") is not None:
            found = self.secret(name)
        return found if found is not None and found[0].strip() else None

    def secret(self, name: str) -> tuple[str, str]:
        """Return (value, label) of a secret, from NAME or the file NAME_FILE names.

        The environment, in either form, wins over khata.toml in either form.
        """
        variable = f"KHATA_{name.upper()}"
        if variable in self.environ and f"{variable}_FILE" in self.environ:
            raise SettingsError(
                f"{variable} and {variable}_FILE: give only one of them."
            )
        if name in self.table and f"{name}_file" in self.table:
            raise SettingsError(
                f"{name} and {name}_file in {self.config}: give only one."
            )
        file = self.find(f"{name}_file")
        from_file = file is not None and (
            f"{variable}_FILE" in self.environ or variable not in self.environ
        )
        if file is None or not from_file:
            return self.text(name)
        return self._read_secret(*file)

    def _read_secret(self, value: str, label: str) -> tuple[str, str]:
        path = Path(value)
        if not path.is_absolute() and self.config and not label.startswith("KHATA_"):
            path = self.config.parent / path
        try:
            text = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise SettingsError(f"{label}: cannot read {path}: {reason}.") from error
        if not text:
            raise SettingsError(f"{label}: {path} is empty.")
        return text, f"{label} ({path})"


def _build(source: _Source) -> Settings:
    try:
        mail_server = read_mail_server(source.optional)
        sms_gateway = read_sms_gateway(source.optional)
        policy = read_policy(source.optional, mail_server, sms_gateway)
        provider = read_provider(source.optional, policy.provider)
        card_keys = read_card_keys(source.optional)
        payments = read_payments(source.optional)
        hotspot_hosts = read_hotspot_hosts(source.optional)
    except (
        MessageSettingError,
        CardSettingError,
        DocumentSettingError,
        GatewaySettingError,
        HotspotSettingError,
    ) as error:
        raise SettingsError(str(error)) from error
    return Settings(
        database_url=_database_url(*source.secret("database_url")),
        secret_key=_secret_key(*source.secret("secret_key")),
        currency=parse_currency(*source.text("currency")),
        zone=parse_zone(*source.text("zone")),
        var_dir=_var_dir(source),
        web_host=source.text("web_host")[0],
        web_port=_port(*source.text("web_port")),
        log_level=_log_level(*source.text("log_level")),
        parallel_logins=_yes_or_no(*source.text("parallel_logins")),
        mail_server=mail_server,
        sms_gateway=sms_gateway,
        reminders=policy,
        provider=provider,
        trusted_proxies=_proxies(*source.text("trusted_proxies")),
        card_keys=card_keys,
        payments=payments,
        hotspot_hosts=hotspot_hosts,
    )


def _missing(name: str, config: Path | None) -> str:
    secret = f" (or KHATA_{name.upper()}_FILE)" if name in SECRETS else ""
    where = f"{name} in {config}" if config else f"{name} in a {CONFIG_NAME}"
    hint = "" if config else " No khata.toml was found: `khata up` makes one."
    return f"{name} is missing: set KHATA_{name.upper()}{secret} or {where}.{hint}"


def _read_toml(config: Path) -> dict[str, object]:
    try:
        table = tomllib.loads(config.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{config}: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{config}: {error}.") from error
    for key in table:
        if key not in KNOWN_KEYS:
            known = ", ".join(sorted(KNOWN_KEYS))
            raise SettingsError(f"{key} in {config}: no such setting. Known: {known}.")
    return table


def _database_url(value: str, label: str) -> str:
    if not value.startswith(("postgresql://", "postgres://")):
        raise SettingsError(f"{label}: use an address that begins with postgresql://.")
    return "postgresql://" + value.split("://", 1)[1]


def _secret_key(value: str, label: str) -> bytes:
    # The value is never part of the message.
    try:
        key = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SettingsError(f"{label}: it is not base64.") from error
    if len(key) != KEY_BYTES:
        raise SettingsError(f"{label}: it has {len(key)} bytes, use {KEY_BYTES}.")
    return key


def parse_currency(value: str, label: str) -> str:
    """Read a currency's code; `label` says where it stood."""
    if not re.fullmatch("[A-Z]{3}", value):
        raise SettingsError(f"{label}={value}: use three capital letters, as in BDT.")
    return value


def parse_zone(value: str, label: str) -> ZoneInfo:
    """Read the name of a time zone; `label` says where it stood."""
    try:
        return ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:
        raise SettingsError(
            f"{label}={value}: no such time zone; use one as in Asia/Dhaka."
        ) from error


def _var_dir(source: _Source) -> Path:
    found = source.find("var")
    if found is None and source.config is not None:
        return source.config.resolve().parent
    value, label = source.text("var")
    path = Path(value)
    if not path.is_absolute():
        raise SettingsError(f"{label}={value}: use an absolute path.")
    return path


def _port(value: str, label: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", value) or not 1 <= int(value) <= 65535:
        raise SettingsError(f"{label}={value}: use a port from 1 to 65535.")
    return int(value)


def _proxies(value: str, label: str) -> int:
    if not re.fullmatch("[0-9]", value):
        raise SettingsError(f"{label}={value}: use a number from 0 to 9.")
    return int(value)


def _yes_or_no(value: str, label: str) -> bool:
    if value not in ("yes", "no"):
        raise SettingsError(f"{label}={value}: use yes or no.")
    return value == "yes"


def _log_level(value: str, label: str) -> str:
    if value.upper() not in LOG_LEVELS:
        raise SettingsError(f"{label}={value}: use one of {', '.join(LOG_LEVELS)}.")
    return value.upper()
