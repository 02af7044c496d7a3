"""Read what connects an installation to its SSLCommerz store."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from billing_core.gateways.contract import Find, GatewaySettingError

SECRET_NAMES = ("sslcommerz_store_password",)
PLAIN_NAMES = ("sslcommerz_base_url", "sslcommerz_store_id")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
# Session API v4: store_id is a string(30).
_STORE_ID_MAX = 30


@dataclass(frozen=True, slots=True)
class SslcommerzSettings:
    """One store at SSLCommerz."""

    #: https://sandbox.sslcommerz.com or https://securepay.sslcommerz.com.
    base_url: str
    store_id: str
    #: The API's password, which is not the one of the merchant panel.
    store_password: str = field(repr=False)


def read_settings(find: Find) -> SslcommerzSettings | None:
    """Read KHATA_SSLCOMMERZ_…; none of them = no SSLCommerz."""
    found = {name: find(name) for name in (*PLAIN_NAMES, *SECRET_NAMES)}
    if not any(found.values()):
        return None
    for name, value in found.items():
        if value is None:
            raise GatewaySettingError(
                f"KHATA_{name.upper()} is missing: SSLCommerz needs all of "
                "KHATA_SSLCOMMERZ_BASE_URL, _STORE_ID and _STORE_PASSWORD."
            )
    return SslcommerzSettings(
        base_url=_base_url(*_of(found, "sslcommerz_base_url")),
        store_id=_store_id(*_of(found, "sslcommerz_store_id")),
        store_password=_password(*_of(found, "sslcommerz_store_password")),
    )


def _of(found: dict[str, tuple[str, str] | None], name: str) -> tuple[str, str]:
    value, label = found[name] or ("", "")
    return value.strip(), label


def _base_url(value: str, label: str) -> str:
    try:
        parts = urlsplit(value)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise GatewaySettingError(f"{label}: it is no web address.") from None
    if not host or parts.username or parts.password or parts.query or parts.fragment:
        raise GatewaySettingError(f"{label}: write https:// and the host.")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        raise GatewaySettingError(f"{label}: use https:// (http:// on loopback only).")
    return value.rstrip("/")


def _store_id(value: str, label: str) -> str:
    if not value.isascii() or not value.isprintable() or len(value) > _STORE_ID_MAX:
        raise GatewaySettingError(
            f"{label}: a store id has up to {_STORE_ID_MAX} printable characters."
        )
    return value


def _password(value: str, label: str) -> str:
    # The value is never part of the message.
    if not value.isascii() or not value.isprintable():
        raise GatewaySettingError(f"{label}: it has characters that no password has.")
    return value
