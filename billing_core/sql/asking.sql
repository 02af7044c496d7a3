-- claim_to_ask --
-- One attempt whose time has come, leased: no other process takes it meanwhile, and
-- one that dies with it gives it back.
UPDATE payment_attempt SET next_ask_at = %(lease_until)s
 WHERE attempt_id = (SELECT attempt_id FROM payment_attempt
                      WHERE next_ask_at <= %(now)s AND gateway = %(gateway)s
                      ORDER BY next_ask_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
RETURNING attempt_id

-- lock_asking --
-- One asks about an attempt at a time: a capture must not run twice side by side.
SELECT pg_advisory_lock(%(space)s, (%(attempt_id)s %% 2147483647)::int)

-- unlock_asking --
-- Let the next one ask.
SELECT pg_advisory_unlock(%(space)s, (%(attempt_id)s %% 2147483647)::int)
