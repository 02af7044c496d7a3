"""HTTP with bKash: POST JSON under the shared token, and read whatever comes."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx

from billing_core.gateways.bkash.answers import Reply, read_reply, read_secrets
from billing_core.gateways.bkash.codes import CodeClass, class_of
from billing_core.gateways.bkash.settings import BkashSettings
from billing_core.gateways.bkash.tokens import Token, TokenStore, account_name
from billing_core.gateways.contract import (
    GatewayError,
    GatewayRefusedError,
    GatewayUnknownError,
)

log = logging.getLogger("khata.gateways.bkash")

_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_OK, _UNAUTHORIZED, _SERVER_ERROR = 200, 401, 500
_TOKEN_LIFE_SECONDS = 3600
# A token that is refused this soon after its grant is not stale: the account is at
# fault, and one more grant for each payment would have bKash block it.
_TOO_YOUNG_TO_BE_STALE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class BkashClient:
    """The merchant's side of HTTP; holds no state but what it was given."""

    settings: BkashSettings
    http: httpx.Client
    tokens: TokenStore

    def call(self, path: str, body: Mapping[str, object], *, now: datetime) -> Reply:
        """Send one call of Tokenized Checkout v1.2.0-beta."""
        return self.post(f"{self.settings.base_url}{path}", body, now=now)

    def post(self, url: str, body: Mapping[str, object], *, now: datetime) -> Reply:
        """Send one call; once more with a new token if this one was refused.

        401 is said before the call is looked at, so that even a capture may be sent
        again; after anything else nothing is.
        """
        account = account_name(self.settings.base_url, self.settings.app_key)
        token = self.tokens.token(account, now, lambda stale: self._get(stale, now))
        reply = self._send(url, body, token)
        if reply.status != _UNAUTHORIZED:
            return reply
        if now - token.granted_at >= _TOO_YOUNG_TO_BE_STALE:
            self.tokens.drop(account, token)
            token = self.tokens.token(account, now, lambda stale: self._get(stale, now))
            reply = self._send(url, body, token)
        if reply.status == _UNAUTHORIZED:
            raise GatewayRefusedError(
                f"bKash does not accept its own token: {reply.told()}.",
                code="401",
                ours=True,
            )
        return reply

    def _send(self, url: str, body: Mapping[str, object], token: Token) -> Reply:
        headers = {
            "Authorization": f"{self.settings.auth_scheme}{token.id_token}",
            "X-APP-Key": self.settings.app_key,
        }
        status, text = self._exchange(url, body, headers)
        return read_reply(status, text, (*self.settings.secrets, token.id_token))

    def _get(self, stale: Token | None, now: datetime) -> Token:
        """Refresh a stale token, or have a new one granted."""
        if stale is not None and stale.can_refresh(now):
            try:
                return self._refresh(stale, now)
            except GatewayError:
                log.info("bkash.refresh.failed")  # a grant may still do
        return self._ask_for_token("grant", {}, now)

    def _refresh(self, stale: Token, now: datetime) -> Token:
        new = self._ask_for_token(
            "refresh", {"refresh_token": stale.refresh_token}, now
        )
        if new.refresh_token:
            return new
        # Whether a refresh gives a new refresh token, sources do not agree.
        return Token(
            new.id_token, stale.refresh_token, new.expires_at, stale.granted_at
        )

    def _ask_for_token(
        self, how: str, more: Mapping[str, object], now: datetime
    ) -> Token:
        settings = self.settings
        status, text = self._exchange(
            f"{settings.base_url}/tokenized/checkout/token/{how}",
            {"app_key": settings.app_key, "app_secret": settings.app_secret, **more},
            {"username": settings.username, "password": settings.password},
        )
        id_token, refresh_token = read_secrets(text)
        reply = read_reply(status, text, settings.secrets)
        if not reply.is_success or not id_token:
            raise _no_token(reply)
        life = reply.word("expires_in")
        seconds = int(life) if life.isdecimal() and len(life) <= 6 else 0
        ends = now + timedelta(seconds=seconds or _TOKEN_LIFE_SECONDS)
        return Token(id_token, refresh_token, ends, now)

    def _exchange(
        self, url: str, body: Mapping[str, object], headers: Mapping[str, str]
    ) -> tuple[int, str]:
        try:
            response = self.http.post(
                url,
                json=dict(body),
                headers={**headers, "Accept": "application/json"},
                timeout=_TIMEOUT,
                # A redirect would carry the secrets to wherever it points.
                follow_redirects=False,
            )
            return response.status_code, response.text
        except httpx.HTTPError as error:
            why = type(error).__name__
        # Out here the error is no longer chained to httpx's, which holds the request.
        raise GatewayUnknownError(f"bKash did not answer ({why}).")


def _no_token(reply: Reply) -> GatewayError:
    text = f"bKash gave no token: {reply.told()}."
    if reply.status < _OK or reply.status >= _SERVER_ERROR:
        return GatewayUnknownError(text)
    if reply.status == _OK and class_of(reply.code) is not CodeClass.OURS:
        return GatewayUnknownError(text)
    # 400 "Missing required request parameters", 401, 403: what we sent is at fault.
    return GatewayRefusedError(text, code=reply.code, ours=True)
