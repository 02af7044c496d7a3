"""The token of a gateway's account: one for all processes, renewed by one at a time."""

import json
import os
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from billing_core.db.connect import Connection, connect
from billing_core.db.queries import load_queries
from billing_core.gateways.bkash import GetToken, Token

_QUERIES = load_queries("gateway_tokens")
# Advisory locks of accounts; the second number is the account's.
_RENEWING = 0x4B485447
# Who renews may take two calls of 30 s; who waits for him waits as long.
_LOCK_TIMEOUT_MS = 90_000
_PURPOSE = b"khata gateway token"
_VERSION = b"\x01"
_NONCE_OCTETS = 12


@dataclass(frozen=True, slots=True)
class GatewayTokens:
    """Keeps tokens in the database, sealed with the installation's key.

    Each call has a connection of its own: the lock of a renewal outlives statements,
    and may not be shared with whatever the caller is doing.
    """

    database_url: str = field(repr=False)
    key: bytes = field(repr=False)

    def token(self, account: str, now: datetime, get: GetToken) -> Token:
        """Give the kept token if it is fresh; else have a new one, once for all."""
        with self._connection() as conn:
            kept = self._read(conn, account)
            if kept is not None and kept.is_fresh(now):
                return kept
            conn.execute(
                _QUERIES["lock_account"], {"space": _RENEWING, "account": account}
            )
            kept = self._read(conn, account)
            if kept is None or not kept.is_fresh(now):
                kept = get(kept)
                self._write(conn, account, kept)
            return kept

    def drop(self, account: str, token: Token) -> None:
        """Forget this token; another that came meanwhile stays."""
        with self._connection() as conn:
            row = conn.execute(_QUERIES["read_token"], {"account": account}).fetchone()
            if row is not None and self._open(account, row[0]) == token:
                conn.execute(
                    _QUERIES["drop_token"], {"account": account, "sealed": row[0]}
                )

    def _connection(self) -> Connection:
        return connect(
            self.database_url,
            application="gateway-token",
            lock_timeout_ms=_LOCK_TIMEOUT_MS,
        )

    def _read(self, conn: Connection, account: str) -> Token | None:
        row = conn.execute(_QUERIES["read_token"], {"account": account}).fetchone()
        return None if row is None else self._open(account, row[0])

    def _write(self, conn: Connection, account: str, token: Token) -> None:
        conn.execute(
            _QUERIES["write_token"],
            {
                "account": account,
                "sealed": self._seal(account, token),
                "expires_at": token.expires_at,
                "granted_at": token.granted_at,
            },
        )

    def _seal(self, account: str, token: Token) -> bytes:
        text = json.dumps(
            {
                "id_token": token.id_token,
                "refresh_token": token.refresh_token,
                "expires_at": token.expires_at.isoformat(),
                "granted_at": token.granted_at.isoformat(),
            }
        )
        nonce = os.urandom(_NONCE_OCTETS)
        sealed = AESGCM(self.key).encrypt(nonce, text.encode(), _bound_to(account))
        return _VERSION + nonce + sealed

    def _open(self, account: str, sealed: bytes) -> Token | None:
        """Open a sealed token; one of another key is none, and a new one is had."""
        nonce, text = sealed[1 : 1 + _NONCE_OCTETS], sealed[1 + _NONCE_OCTETS :]
        try:
            facts = json.loads(
                AESGCM(self.key).decrypt(nonce, text, _bound_to(account))
            )
        except (InvalidTag, ValueError):
            return None
        return Token(
            facts["id_token"],
            facts["refresh_token"],
            datetime.fromisoformat(facts["expires_at"]),
            datetime.fromisoformat(facts["granted_at"]),
        )


def _bound_to(account: str) -> bytes:
    """Bind a seal to its purpose and account: no row stands in for another."""
    return _PURPOSE + _VERSION + account.encode()
