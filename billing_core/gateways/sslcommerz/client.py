"""HTTP with SSLCommerz: every answer is a JSON object, or nobody knows.

The vendor wants the password in the query string of its GET calls. httpx logs addresses
at INFO, keeps them in its exceptions and shows them in reprs, and tracing agents read
them there. So the address itself does not tell: see ``_QuietUrl``.
"""

import json
import re
from collections.abc import Mapping
from typing import NoReturn

import httpx

from billing_core.gateways.contract import GatewayRefusedError, GatewayUnknownError
from billing_core.gateways.sslcommerz.settings import SslcommerzSettings

SESSION = "/gwprocess/v4/api.php"
VALIDATE = "/validator/api/validationserverAPI.php"
#: Which of four calls it is, the name of the parameter decides.
QUERY = "/validator/api/merchantTransIDvalidationAPI.php"

_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_HIDDEN = "[hidden]"
# A card's whole number has 13 to 19 digits (ISO/IEC 7812-1); it comes masked, and is
# masked here should it once not.
_WHOLE_CARD = re.compile(r"(?<!\d)\d{13,19}(?!\d)")
# What APIConnect says when the store or its password is at fault.
_OUR_FAULT = {
    "INVALID_REQUEST": "it does not understand the request",
    "FAILED": "it does not accept the store id and password",
    "INACTIVE": "the store is not active",
}


class _QuietUrl(httpx.URL):
    """An address that is sent whole and printed without its query.

    httpx sends ``raw_path`` and prints ``str``; nothing else is changed.
    """

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc.decode('ascii')}{self.path}"

    def __repr__(self) -> str:
        return f"URL({str(self)!r})"


def post_form(
    http: httpx.Client, settings: SslcommerzSettings, path: str, form: Mapping[str, str]
) -> dict[str, object]:
    """Send a form and read the JSON object that answers it."""
    request = http.build_request(
        "POST",
        settings.base_url + path,
        data=_with_store(settings, form),
        timeout=_TIMEOUT,
    )
    return _answer(http, request, settings)


def get(
    http: httpx.Client,
    settings: SslcommerzSettings,
    path: str,
    parameters: Mapping[str, str],
) -> dict[str, object]:
    """Ask, and read the JSON object that answers."""
    query = {**_with_store(settings, parameters), "v": "1", "format": "json"}
    request = http.build_request("GET", settings.base_url + path, timeout=_TIMEOUT)
    request.url = _QuietUrl(request.url, params=query)
    return _answer(http, request, settings)


def check_connected(answer: Mapping[str, object]) -> None:
    """Refuse an answer that the API gave without having looked (APIConnect)."""
    connected = str(answer.get("APIConnect", ""))
    if connected in _OUR_FAULT:
        raise GatewayRefusedError(
            f"SSLCommerz: {_OUR_FAULT[connected]} (APIConnect {connected}).",
            code=connected,
            ours=True,
        )
    if connected != "DONE":
        raise GatewayUnknownError("SSLCommerz: its answer lacks APIConnect DONE.")


def _with_store(
    settings: SslcommerzSettings, fields: Mapping[str, str]
) -> dict[str, str]:
    return {
        **fields,
        "store_id": settings.store_id,
        "store_passwd": settings.store_password,
    }


def _answer(
    http: httpx.Client, request: httpx.Request, settings: SslcommerzSettings
) -> dict[str, object]:
    try:
        # A redirect would carry the password to wherever it points.
        response = http.send(request, follow_redirects=False)
        status, text = response.status_code, response.text
    except httpx.HTTPError as error:
        why = type(error).__name__
    else:
        return _read(status, text, settings.store_password)
    # Out here the error is no longer chained to httpx's, which holds the request.
    raise GatewayUnknownError(f"SSLCommerz: no answer ({why}).")


def _read(status: int, text: str, password: str) -> dict[str, object]:
    if status != httpx.codes.OK:
        raise GatewayUnknownError(f"SSLCommerz: it answered HTTP {status}.")
    try:
        # Numbers stay the text that was sent: exact, and JSON can hold them again.
        answer = json.loads(
            text, parse_float=str, parse_int=str, parse_constant=_no_number
        )
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise GatewayUnknownError("SSLCommerz: its answer is no JSON object.")
    return _clean_object(answer, password)


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


def _clean_object(found: dict[str, object], password: str) -> dict[str, object]:
    """Drop what must not be kept: the password, whole card numbers, broken text."""
    clean = {
        str(_clean(key, password)): _clean(value, password)
        for key, value in found.items()
    }
    if isinstance(card := clean.get("card_no"), str):
        clean["card_no"] = _WHOLE_CARD.sub(_masked, card)
    return clean


def _clean(value: object, password: str) -> object:
    if isinstance(value, dict):
        return _clean_object(value, password)
    if isinstance(value, list):
        return [_clean(item, password) for item in value]
    if not isinstance(value, str):
        return value
    # PostgreSQL's jsonb holds neither NUL nor half of a surrogate pair.
    text = value.replace("\0", "").encode("utf-8", "replace").decode()
    return text.replace(password, _HIDDEN)


def _masked(number: re.Match[str]) -> str:
    whole = number[0]
    return whole[:6] + "X" * (len(whole) - 10) + whole[-4:]
