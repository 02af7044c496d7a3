"""One request to Nagad: what came back, or why nobody knows."""

import json
import re
from collections.abc import Mapping

import httpx

from billing_core.gateways.contract import GatewayRefusedError, GatewayUnknownError

#: A JSON object as it came; numbers are texts, so that none becomes a float.
Json = dict[str, object]

TIMEOUT = httpx.Timeout(30.0, connect=10.0)
# RFC 9110 §15.5.9, RFC 6585 §4: "not now" is not "no".
_NOT_NOW = (408, 429)
_TOLD_MAX = 200
_SUPPORT_ID = re.compile(r"support id is:?\s*([0-9]{1,30})", re.IGNORECASE)
# Nagad's codes are not published; these words say that it does not know either.
_SYSTEM = re.compile(r"system error|server error|time[d ]*out|unavailable", re.I)


def call(
    client: httpx.Client,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None = None,
) -> Json:
    """Ask once; raise GatewayRefusedError for a no, GatewayUnknownError otherwise.

    Nothing is sent twice by itself, and no redirect is followed.
    """
    try:
        response = client.request(
            method,
            url,
            headers=headers,
            content=body,
            timeout=TIMEOUT,
            follow_redirects=False,
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # The class says what happened; the text of some holds the address.
        raise GatewayUnknownError(
            f"Nagad did not answer: {type(error).__name__}."
        ) from None
    answer = read_object(response.content)
    if answer is None:
        raise GatewayUnknownError(_unreadable(response))
    if response.status_code >= 500 or response.status_code in _NOT_NOW:
        raise GatewayUnknownError(
            f"Nagad answered HTTP {response.status_code}: {_words(answer)}."
        )
    code = answer.get("reason") or answer.get("devMessage")
    if code or not response.is_success:
        words = _words(answer)
        if _SYSTEM.search(words):
            raise GatewayUnknownError(f"Nagad does not know: {words}.")
        # Nobody but our account has acted yet, or can do anything about it.
        raise GatewayRefusedError(
            f"Nagad refused: {words}.",
            code=clean(str(code or response.status_code)),
            ours=True,
        )
    return answer


def read_object(content: bytes) -> Json | None:
    """Read a JSON object; anything else, null too, is nothing."""
    try:
        value = json.loads(content, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def clean(text: str) -> str:
    """Make a text of theirs fit for a log line: printable and short."""
    return "".join(c if c.isprintable() else " " for c in text)[:_TOLD_MAX].strip()


def _words(answer: Json) -> str:
    said = [
        clean(value)
        for key in ("reason", "message", "devMessage")
        if isinstance(value := answer.get(key), str) and value.strip()
    ]
    return "; ".join(dict.fromkeys(said)) or "no reason given"


def _unreadable(response: httpx.Response) -> str:
    """Say what came instead of JSON; the firewall's page above all.

    It answers where our server's or the callback's address is not on Nagad's list.
    """
    found = _SUPPORT_ID.search(response.text)
    if found or "requested URL was rejected" in response.text:
        number = f" (support ID {found[1]})" if found else ""
        return (
            f"Nagad's firewall rejected the request{number}: have Nagad allow the "
            "addresses of this server and of KHATA_PUBLIC_URL."
        )
    return f"Nagad answered HTTP {response.status_code} without a JSON object."
