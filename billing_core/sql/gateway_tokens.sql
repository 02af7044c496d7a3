-- read_token --
-- The sealed token of an account.
SELECT sealed FROM gateway_token WHERE account = %(account)s

-- write_token --
-- The newest token of an account.
INSERT INTO gateway_token (account, sealed, expires_at, granted_at)
VALUES (%(account)s, %(sealed)s, %(expires_at)s, %(granted_at)s)
ON CONFLICT (account) DO UPDATE
   SET sealed = excluded.sealed, expires_at = excluded.expires_at, granted_at = excluded.granted_at

-- drop_token --
-- Forget a token, unless another came meanwhile.
DELETE FROM gateway_token WHERE account = %(account)s AND sealed = %(sealed)s

-- lock_account --
-- One renews an account's token at a time; the lock is gone with the connection.
SELECT pg_advisory_lock(%(space)s, hashtext(%(account)s))
