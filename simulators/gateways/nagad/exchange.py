"""What the simulated Nagad checks of each call, and how it answers: sealed and signed.

The words of its refusals are ours: Nagad's are not published.
"""

import ipaddress
import json

from cryptography.hazmat.primitives import hashes
from flask import Response, jsonify, request

from simulators.gateways.nagad import sealing
from simulators.gateways.nagad.state import NagadState

_CLIENT_TYPES = {"PC_WEB", "MOBILE_WEB", "MOBILE_APP", "WALLET_WEB_VIEW", "BILL_KEY"}
_FIREWALL = (
    "<html><head><title>Request Rejected</title></head><body>The requested URL was "
    "rejected. Please consult with your administrator.<br><br>"
    "Your support ID is: 1234567890123456789</body></html>"
)


def trouble(state: NagadState, *names: str) -> Response | None:
    """Let what is armed go wrong before anything happens; check the headers."""
    faults = state.faults
    if faults.strikes("firewall", *names):
        return Response(_FIREWALL, mimetype="text/html")
    if faults.strikes("null", *names):
        return Response("null", mimetype="application/json")
    if faults.strikes("server_error", *names):
        return refuse("500", "Internal failure", status=500)
    if faults.strikes("system_error", *names):
        return refuse("9999", "System Error", status=200)
    headers = request.headers
    try:
        address = ipaddress.IPv4Address(headers.get("X-KM-IP-V4", ""))
    except ValueError:
        return refuse("InvalidApiRequest", "X-KM-IP-V4 is not valid.")
    if (
        address.is_loopback
        or headers.get("X-KM-Api-Version") != "v-0.2.0"
        or headers.get("X-KM-Client-Type") not in _CLIENT_TYPES
    ):
        return refuse("InvalidApiRequest", "A header is not valid.")
    return None


def read(state: NagadState, name: str) -> dict[str, str] | Response:
    """Open what the merchant sealed, or say what is wrong with it."""
    sent = body()
    content, signature = sent.get(name), sent.get("signature")
    if not isinstance(content, str) or not isinstance(signature, str):
        return refuse("InvalidApiRequest", f"{name} or signature is missing.")
    opened = sealing.opened(state.keys.gateway, content)
    if opened is None:
        return refuse("DecryptionError", "Sensitive data could not be decrypted.")
    plain, fields = opened
    kind = _hash(state.signature_hash)
    if not sealing.is_signed(state.merchant_public, plain, signature, kind):
        return refuse("SignatureVerificationFailed", "Signature is not valid.")
    return fields


def sealed(state: NagadState, order_id: str, fields: dict[str, str]) -> Response:
    """Answer as Nagad does: encrypted to the merchant, signed by its own key."""
    plain = json.dumps(fields).encode("ascii")
    faults = state.faults
    name = "SHA1" if faults.strikes("sha1", order_id) else state.signature_hash
    other = faults.strikes("other_key", order_id)
    signer = state.keys.other if other else state.keys.gateway
    said = plain + b" " if faults.strikes("bad_signature", order_id) else plain
    receiver = (
        state.keys.other.public_key()
        if faults.strikes("garbage", order_id)
        else state.merchant_public
    )
    return jsonify(
        sensitiveData=sealing.sealed(receiver, plain),
        signature=sealing.signed(signer, said, _hash(name)),
    )


def _hash(name: str) -> hashes.HashAlgorithm:
    return hashes.SHA1() if name == "SHA1" else hashes.SHA256()  # noqa: S303 - a knob


def body() -> dict[str, object]:
    """Return the JSON that was sent; nothing, if it is none."""
    sent = request.get_json(silent=True)
    return sent if isinstance(sent, dict) else {}


def refuse(reason: str, message: str, *, status: int = 400) -> Response:
    """Say no as Nagad does."""
    response = jsonify(reason=reason, message=message)
    response.status_code = status
    return response
