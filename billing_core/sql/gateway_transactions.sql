-- claim_transactions --
-- This money is of this attempt, unless it is of another: who comes first.
INSERT INTO gateway_transaction (gateway, kind, transaction_id, attempt_id)
SELECT %(gateway)s, kind, transaction_id, %(attempt_id)s
  FROM unnest(%(kinds)s::text[], %(ids)s::text[]) AS t (kind, transaction_id)
 ORDER BY kind, transaction_id
ON CONFLICT DO NOTHING

-- lock_transactions --
-- Two who claim one money at once, by a gateway and as a transfer: no key of theirs is the
-- same, so that they wait for each other here.
SELECT pg_advisory_xact_lock(%(space)s, hashtext(each)) FROM unnest(%(named)s::text[]) AS each ORDER BY each

-- read_owners --
-- Whose this money is. What a customer announced as a transfer of his may be the very
-- money that a gateway took (both show the wallet's own number of it).
SELECT DISTINCT t.attempt_id
  FROM gateway_transaction t
  JOIN payment_attempt a ON a.attempt_id = t.attempt_id
 WHERE (t.gateway = %(gateway)s AND (t.kind, t.transaction_id) IN
            (SELECT kind, transaction_id FROM unnest(%(kinds)s::text[], %(ids)s::text[]) AS u (kind, transaction_id)))
    OR (t.gateway = 'transfer' AND t.transaction_id = ANY (%(named)s) AND a.state = 'paid')
    OR (%(gateway)s = 'transfer' AND t.gateway <> 'transfer' AND upper(t.transaction_id) = ANY (%(named)s))

-- list_transactions --
-- The money that is of an attempt.
SELECT kind, transaction_id AS value FROM gateway_transaction WHERE attempt_id = %(attempt_id)s
 ORDER BY kind, transaction_id

-- find_announced --
-- Who has this transaction id, in whatever letters a gateway writes it.
SELECT t.gateway, t.attempt_id, a.state
  FROM gateway_transaction t
  JOIN payment_attempt a ON a.attempt_id = t.attempt_id
 WHERE upper(t.transaction_id) = %(transaction_id)s

-- take_over_transaction --
-- An announced id goes to who announces it next once a person rejected the first.
UPDATE gateway_transaction SET attempt_id = %(attempt_id)s
 WHERE gateway = 'transfer' AND transaction_id = %(transaction_id)s AND attempt_id = %(of_attempt_id)s
