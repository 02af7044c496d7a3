"""Read the settings of payment gateways; all of them may be left out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from billing_core.gateways import bkash, nagad, sslcommerz
from billing_core.gateways.bkash import BkashSettings
from billing_core.gateways.contract import Find, GatewaySettingError
from billing_core.gateways.nagad import NagadSettings
from billing_core.gateways.sslcommerz import SslcommerzSettings

#: operator: a person approves what the gateway confirms; automatic: what matches posts
#: itself.
Verification = Literal["operator", "automatic"]

_MODULES = {"bkash": bkash, "nagad": nagad, "sslcommerz": sslcommerz}
_VERIFICATIONS: dict[str, Verification] = {
    "operator": "operator",
    "automatic": "automatic",
}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_TRANSFER_TEXT_MAX = 500

SECRET_NAMES = tuple(name for each in _MODULES.values() for name in each.SECRET_NAMES)
PLAIN_NAMES = (
    "public_url",
    "transfer_numbers",
    *(f"{name}_verification" for name in _MODULES),
    *(name for each in _MODULES.values() for name in each.PLAIN_NAMES),
)


@dataclass(frozen=True, slots=True)
class PaymentSettings:
    """How customers can pay, and how they and the gateways reach us."""

    #: https://… without a slash at its end; needed by every gateway.
    public_url: str | None = None
    bkash: BkashSettings | None = None
    nagad: NagadSettings | None = None
    sslcommerz: SslcommerzSettings | None = None
    #: Of each gateway that is set.
    verification: Mapping[str, Verification] = field(default_factory=dict)
    #: Where to send money by hand, as customers read it; empty = not offered.
    transfer_numbers: str = ""


#: No gateway, no transfers: cash and cards only.
NO_GATEWAYS = PaymentSettings()


def read_payments(find: Find) -> PaymentSettings:
    """Read KHATA_PUBLIC_URL, KHATA_TRANSFER_NUMBERS and what each gateway needs."""
    settings = PaymentSettings(
        public_url=_public_url(find),
        bkash=bkash.read_settings(find),
        nagad=nagad.read_settings(find),
        sslcommerz=sslcommerz.read_settings(find),
        verification={name: _verification(find, name) for name in _MODULES},
        transfer_numbers=_transfer_numbers(find),
    )
    used = [name for name in _MODULES if getattr(settings, name) is not None]
    if used and settings.public_url is None:
        raise GatewaySettingError(
            f"KHATA_PUBLIC_URL is missing: {used[0]} sends customers back to it."
        )
    return settings


def _public_url(find: Find) -> str | None:
    found = find("public_url")
    if found is None:
        return None
    value, label = found[0].strip(), found[1]
    try:
        parts = urlsplit(value)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise GatewaySettingError(f"{label}: it is no web address.") from None
    if not host or parts.username or parts.password or parts.query or parts.fragment:
        raise GatewaySettingError(f"{label}={value}: write it as https://pay.isp.net.")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        raise GatewaySettingError(
            f"{label}={value}: use https:// (http:// on loopback only)."
        )
    return value.rstrip("/")


def _verification(find: Find, gateway: str) -> Verification:
    found = find(f"{gateway}_verification")
    if found is None:
        return "operator"
    value = _VERIFICATIONS.get(found[0].strip().lower())
    if value is None:
        raise GatewaySettingError(f"{found[1]}: use operator or automatic.")
    return value


def _transfer_numbers(find: Find) -> str:
    found = find("transfer_numbers")
    if found is None:
        return ""
    text = found[0].strip()
    if len(text) > _TRANSFER_TEXT_MAX:
        raise GatewaySettingError(
            f"{found[1]}: use a text of up to {_TRANSFER_TEXT_MAX} characters."
        )
    return text
