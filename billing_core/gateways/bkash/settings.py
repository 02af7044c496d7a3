"""Read what connects an installation to its bKash merchant account."""

import re
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from billing_core.gateways.contract import Find, GatewaySettingError

SECRET_NAMES = ("bkash_password", "bkash_app_key", "bkash_app_secret")
PLAIN_NAMES = (
    "bkash_base_url",
    "bkash_username",
    "bkash_auth_scheme",
    "bkash_refund_url",
    "bkash_topic_arn",
    "bkash_short_code",
)
_NEEDED = (
    "bkash_base_url",
    "bkash_username",
    "bkash_password",
    "bkash_app_key",
    "bkash_app_secret",
)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
# Documented and in the official plugin: the bare token. Others saw "Bearer".
_AUTH_SCHEMES = {"raw": "", "bearer": "Bearer "}
_TOPIC_ARN = re.compile(r"arn:aws(-cn)?:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}")
_SHORT_CODE = re.compile(r"[0-9]{4,20}")


@dataclass(frozen=True, slots=True)
class BkashSettings:
    """One merchant account of Tokenized Checkout v1.2.0-beta, without agreements."""

    #: Handed over by bKash at onboarding, up to and including v1.2.0-beta.
    base_url: str
    username: str
    password: str = field(repr=False)
    app_key: str = field(repr=False)
    app_secret: str = field(repr=False)
    #: What stands before the token in Authorization: nothing, or "Bearer ".
    auth_scheme: str = ""
    #: Where refunds v2 are; None = the account has refunds v1 only.
    refund_url: str | None = None
    #: The only SNS topic whose messages are ours; None = no webhook.
    topic_arn: str | None = None
    #: The merchant wallet's number; None = money found by its id needs a person.
    short_code: str | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """Name what must not be kept or shown."""
        return (self.password, self.app_key, self.app_secret)


def read_settings(find: Find) -> BkashSettings | None:
    """Read KHATA_BKASH_…; none of them = no bKash."""
    found = {name: find(name) for name in (*PLAIN_NAMES, *SECRET_NAMES)}
    if not any(found.values()):
        return None
    for name in _NEEDED:
        if found[name] is None:
            raise GatewaySettingError(
                f"KHATA_{name.upper()} is missing: bKash needs all of KHATA_BKASH_"
                "BASE_URL, _USERNAME, _PASSWORD, _APP_KEY and _APP_SECRET."
            )

    def of(name: str) -> tuple[str, str]:
        value, label = found[name] or ("", "")
        return value.strip(), label

    base_url = _web_address(*of("bkash_base_url"))
    return BkashSettings(
        base_url=base_url,
        username=_word(*of("bkash_username")),
        password=_word(*of("bkash_password")),
        app_key=_word(*of("bkash_app_key")),
        app_secret=_word(*of("bkash_app_secret")),
        auth_scheme=_auth_scheme(*of("bkash_auth_scheme")),
        refund_url=_refund_url(*of("bkash_refund_url"), base_url=base_url),
        topic_arn=_matching(_TOPIC_ARN, "arn:aws:sns:…", *of("bkash_topic_arn")),
        short_code=_matching(_SHORT_CODE, "digits", *of("bkash_short_code")),
    )


def _web_address(value: str, label: str) -> str:
    try:
        parts = urlsplit(value)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise GatewaySettingError(f"{label}: it is no web address.") from None
    if not host or parts.username or parts.password or parts.query or parts.fragment:
        raise GatewaySettingError(f"{label}: write https://, the host and the path.")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        raise GatewaySettingError(f"{label}: use https:// (http:// on loopback only).")
    return value.rstrip("/")


def _word(value: str, label: str) -> str:
    # The value is never part of the message: it may be a secret.
    if not value or not value.isascii() or not value.isprintable():
        raise GatewaySettingError(f"{label}: it is empty, or no plain text.")
    return value


def _auth_scheme(value: str, label: str) -> str:
    scheme = _AUTH_SCHEMES.get(value.lower() or "raw")
    if scheme is None:
        raise GatewaySettingError(f"{label}: use raw (the default) or bearer.")
    return scheme


def _refund_url(value: str, label: str, *, base_url: str) -> str | None:
    if value.lower() == "v1":
        return None
    if not value:
        # Beside v1.2.0-beta on the same host.
        return urljoin(base_url, "v2/tokenized-checkout")
    return _web_address(value, label)


def _matching(
    pattern: re.Pattern[str], example: str, value: str, label: str
) -> str | None:
    if not value:
        return None
    if not pattern.fullmatch(value):
        raise GatewaySettingError(f"{label}: write it like {example}.")
    return value
