"""What passes between Nagad and us: sealed for the receiver, signed by the sender."""

import json
from collections.abc import Mapping

from billing_core.gateways.contract import GatewayRefusedError, GatewayUnknownError
from billing_core.gateways.nagad import keys
from billing_core.gateways.nagad.answers import text
from billing_core.gateways.nagad.settings import NagadSettings
from billing_core.gateways.nagad.wire import Json, clean, read_object


def seal(
    settings: NagadSettings, fields: Mapping[str, str], *, name: str = "sensitiveData"
) -> Json:
    """Encrypt and sign the very same octets."""
    plain = compact(fields)
    try:
        sealed = keys.encrypt(settings.gateway_key, plain)
    except keys.TooLongError as error:
        raise GatewayRefusedError(
            f"Nagad takes no order as long as this: {error}", ours=True
        ) from None
    signature = keys.sign(settings.private_key, plain, settings.signature_hash)
    return {name: sealed, "signature": signature}


def unseal(settings: NagadSettings, answer: Json) -> Json:
    """Decrypt an answer, and believe it only if Nagad signed it."""
    sealed, signature = text(answer, "sensitiveData"), text(answer, "signature")
    try:
        plain = keys.decrypt(settings.private_key, sealed)
        keys.check(settings.gateway_key, plain, signature, settings.signature_hash)
    except keys.UnreadableError as error:
        raise GatewayUnknownError(
            f"Nagad's answer proves nothing: {error}. Compare "
            "KHATA_NAGAD_GATEWAY_PUBLIC_KEY, KHATA_NAGAD_MERCHANT_PRIVATE_KEY and "
            "KHATA_NAGAD_SIGNATURE_HASH with the portal."
        ) from None
    opened = read_object(plain)
    if opened is None:
        raise GatewayUnknownError("Nagad signed something that is no JSON object.")
    return opened


def compact(fields: Mapping[str, object]) -> bytes:
    """Serialise once: what is encrypted and what is signed are the same octets."""
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def clip_to_room(
    settings: NagadSettings, message: str, fields: Mapping[str, str]
) -> str:
    """Cut a text for people, by whole characters, to what the block has left."""
    left = keys.room_of(settings.gateway_key) - len(compact(fields))
    kept = clean(message)
    while kept and len(compact({"": kept})) - len(compact({"": ""})) > left:
        kept = kept[:-1]
    return kept
