"""The token that each call carries: who keeps it, and how a new one is had.

bKash wants a grant once or twice an hour for a merchant, however many processes there
are; who grants for each payment fails its go-live review. So one token is kept for all,
and one process at a time renews it.
"""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

#: A token this close to its end is renewed, so that it does not end on the way.
RENEW_BEFORE = timedelta(seconds=120)
#: Sources say 28 or 30 days; the earlier one costs a grant at worst.
REFRESH_TOKEN_LIFE = timedelta(days=28)


@dataclass(frozen=True, slots=True)
class Token:
    """What a grant gave."""

    id_token: str = field(repr=False)
    #: "" = bKash gave none.
    refresh_token: str = field(repr=False)
    expires_at: datetime
    #: When the refresh token was given.
    granted_at: datetime

    def is_fresh(self, now: datetime) -> bool:
        """Tell whether a call may still set out with it."""
        return now < self.expires_at - RENEW_BEFORE

    def can_refresh(self, now: datetime) -> bool:
        """Tell whether its refresh token is worth a try."""
        return bool(self.refresh_token) and now < self.granted_at + REFRESH_TOKEN_LIFE


#: Makes a new token of the stale one, or of nothing.
GetToken = Callable[[Token | None], Token]


class TokenStore(Protocol):
    """Keeps one token for each account, for all processes."""

    def token(self, account: str, now: datetime, get: GetToken) -> Token:
        """Give the kept token if ``is_fresh(now)``; else call get, under one lock.

        get receives the stale token, which may still refresh, or None. Who waited for
        the lock looks again before he calls get himself. What get raises is passed on,
        and what was kept stays.
        """
        ...

    def drop(self, account: str, token: Token) -> None:
        """Forget this token; another that came meanwhile stays."""
        ...


class TokensInProcess:
    """Keeps tokens for one process: enough for one program, or for a test."""

    def __init__(self) -> None:
        self._tokens: dict[str, Token] = {}
        self._lock = threading.Lock()

    def token(self, account: str, now: datetime, get: GetToken) -> Token:
        """Give the kept token if it is fresh; else have a new one, once."""
        with self._lock:
            kept = self._tokens.get(account)
            if kept is None or not kept.is_fresh(now):
                kept = self._tokens[account] = get(kept)
            return kept

    def drop(self, account: str, token: Token) -> None:
        """Forget this token; another that came meanwhile stays."""
        with self._lock:
            if self._tokens.get(account) == token:
                del self._tokens[account]


def account_name(base_url: str, app_key: str) -> str:
    """Name an account in a store: sandbox and live never mix, and no key is told."""
    digest = hashlib.sha256(f"{base_url}\n{app_key}".encode()).hexdigest()
    return f"bkash:{digest[:32]}"
