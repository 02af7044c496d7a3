"""Read the settings of Nagad, and find wrong keys before a customer does."""

import ipaddress
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import rsa

from billing_core.gateways.contract import Find, GatewaySettingError
from billing_core.gateways.nagad.keys import (
    KeyTextError,
    SignatureHash,
    read_private_key,
    read_public_key,
)

#: The public key is no secret; it is as long as one and may stand in a file as well.
SECRET_NAMES = ("nagad_merchant_private_key", "nagad_gateway_public_key")
PLAIN_NAMES = (
    "nagad_base_url",
    "nagad_merchant_id",
    "nagad_signature_hash",
    "nagad_account_number",
    "nagad_client_ipv4",
)
_NEEDED = ("nagad_base_url", "nagad_merchant_id", *SECRET_NAMES)

#: Nagad's sandbox speaks no TLS.
SANDBOX_HOST = "sandbox.mynagad.com"
#: Nobody's (RFC 5737), where no public IPv4 address is known.
NO_IPV4 = "192.0.2.1"


@dataclass(frozen=True, slots=True)
class NagadSettings:
    """One merchant's account at Nagad."""

    base_url: str
    merchant_id: str
    #: Ours: signs what we send, opens what they answer.
    private_key: rsa.RSAPrivateKey = field(repr=False)
    #: Theirs: seals what we send, proves what they answer.
    gateway_key: rsa.RSAPublicKey = field(repr=False)
    signature_hash: SignatureHash = SignatureHash.SHA256
    #: The merchant's mobile number, where Nagad asked for it.
    account_number: str = ""
    #: Told to Nagad for customers whose own address is IPv6 or not public.
    client_ipv4: str = NO_IPV4


def read_settings(find: Find) -> NagadSettings | None:
    """Read KHATA_NAGAD_…; none of them = no Nagad."""
    found = {name: find(name) for name in (*PLAIN_NAMES, *SECRET_NAMES)}
    given = [name for name, value in found.items() if value is not None]
    if not given:
        return None
    for name in _NEEDED:
        if found[name] is None:
            raise GatewaySettingError(
                f"KHATA_{name.upper()} is missing: Nagad needs "
                f"{', '.join(f'KHATA_{needed.upper()}' for needed in _NEEDED)}."
            )
    values = {name: value for name, value in found.items() if value is not None}
    private_key, gateway_key = _keys(
        values["nagad_merchant_private_key"], values["nagad_gateway_public_key"]
    )
    return NagadSettings(
        base_url=_base_url(*values["nagad_base_url"]),
        merchant_id=_merchant_id(*values["nagad_merchant_id"]),
        private_key=private_key,
        gateway_key=gateway_key,
        signature_hash=_hash(values.get("nagad_signature_hash")),
        account_number=_account_number(values.get("nagad_account_number")),
        client_ipv4=_client_ipv4(values.get("nagad_client_ipv4")),
    )


def _keys(
    ours: tuple[str, str], theirs: tuple[str, str]
) -> tuple[rsa.RSAPrivateKey, rsa.RSAPublicKey]:
    try:
        private_key = read_private_key(ours[0])
    except KeyTextError as error:
        raise GatewaySettingError(f"{ours[1]}: {error}.") from None
    try:
        gateway_key = read_public_key(theirs[0])
    except KeyTextError as error:
        raise GatewaySettingError(f"{theirs[1]}: {error}.") from None
    # The portal shows both public keys side by side. With our own, everything that we
    # send could be read by nobody but us.
    if gateway_key.public_numbers() == private_key.public_key().public_numbers():
        raise GatewaySettingError(
            f"{theirs[1]}: that is the public half of our own key; "
            "use the key that Nagad calls the payment gateway's."
        )
    return private_key, gateway_key


def _base_url(value: str, label: str) -> str:
    url = value.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port_is_right = parts.port is None or parts.port > 0
    except ValueError:
        host, port_is_right = "", False
    if (
        not host
        or not port_is_right
        or parts.scheme not in ("http", "https")
        or parts.username is not None
        or parts.query
        or parts.fragment
    ):
        raise GatewaySettingError(f"{label}: use an address like https://host/api/dfs.")
    # The answer about a payment is proved by nothing but TLS.
    if parts.scheme == "http" and not (host == SANDBOX_HOST or is_loopback(host)):
        raise GatewaySettingError(f"{label}: use https (http only for the sandbox).")
    return url


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _merchant_id(value: str, label: str) -> str:
    if not re.fullmatch("[0-9A-Za-z]{1,32}", value.strip()):
        raise GatewaySettingError(f"{label}: use letters and digits, at most 32.")
    return value.strip()


def _hash(found: tuple[str, str] | None) -> SignatureHash:
    if found is None:
        return SignatureHash.SHA256
    try:
        return SignatureHash(found[0].strip().upper().replace("-", ""))
    except ValueError:
        raise GatewaySettingError(f"{found[1]}: use SHA256 or SHA1.") from None


def _account_number(found: tuple[str, str] | None) -> str:
    if found is None:
        return ""
    if not re.fullmatch("[0-9]{6,20}", found[0].strip()):
        raise GatewaySettingError(f"{found[1]}: use the mobile number, digits only.")
    return found[0].strip()


def _client_ipv4(found: tuple[str, str] | None) -> str:
    if found is None:
        return NO_IPV4
    try:
        address = ipaddress.IPv4Address(found[0].strip())
    except ValueError:
        address = None
    if address is None or not address.is_global:
        raise GatewaySettingError(f"{found[1]}: use a public IPv4 address of yours.")
    return str(address)
