-- read_currency --
-- The installation's only currency.
SELECT currency FROM installation

-- insert_attempt --
-- One try to pay, before anybody else hears of it.
INSERT INTO payment_attempt (customer_id, reference, gateway, amount, currency, purpose, bill_id, package_id,
                             state, reason, created_at, created_by, sender, next_ask_at, answer,
                             answered_at, again_of_attempt_id)
VALUES (%(customer_id)s, %(reference)s, %(gateway)s, %(amount)s, %(currency)s, %(purpose)s, %(bill_id)s,
        %(package_id)s, %(state)s, %(reason)s, %(created_at)s, %(created_by)s, %(sender)s, %(next_ask_at)s,
        %(answer)s, %(answered_at)s, %(again_of_attempt_id)s)
RETURNING attempt_id

-- find_by_reference --
-- The attempt of a reference of ours.
SELECT attempt_id FROM payment_attempt WHERE reference = %(reference)s

-- find_by_checkout --
-- The attempt that a gateway's checkout was opened for.
SELECT attempt_id FROM payment_attempt WHERE gateway = %(gateway)s AND gateway_payment_id = %(payment_id)s

-- lock_attempt --
-- Guards who decides on an attempt; taken before the wallet's lock, always.
SELECT attempt_id FROM payment_attempt WHERE attempt_id = %(attempt_id)s FOR NO KEY UPDATE

-- read_attempts --
-- These attempts, the oldest first.
SELECT a.attempt_id, a.customer_id, c.username, a.reference, a.gateway, a.amount, a.currency, a.purpose, a.bill_id,
       a.package_id, a.state, a.reason, a.customer_cancelled_at, a.created_at, a.created_by,
       a.gateway_payment_id, a.checkout_url, a.sender, a.answer, a.answered_at, a.asks, a.next_ask_at,
       a.decided_by, a.decided_at, a.again_of_attempt_id
  FROM payment_attempt a
  JOIN customer c ON c.customer_id = a.customer_id
 WHERE a.attempt_id = ANY (%(attempt_ids)s)
 ORDER BY a.attempt_id

-- find_attempts --
-- The newest attempts that are so.
SELECT a.attempt_id
  FROM payment_attempt a
  JOIN customer c ON c.customer_id = a.customer_id
 WHERE (%(states)s::text[] IS NULL OR a.state = ANY (%(states)s))
   AND (%(gateway)s::text IS NULL OR a.gateway = %(gateway)s)
   AND (%(username)s::text IS NULL OR c.username = %(username)s)
 ORDER BY a.attempt_id DESC LIMIT %(limit)s

-- find_to_decide --
-- What waits for a person, the longest first.
SELECT attempt_id FROM payment_attempt WHERE state IN ('confirmed', 'review')
 ORDER BY attempt_id LIMIT %(limit)s

-- count_started --
-- How often a customer began to pay since then.
SELECT count(*) FROM payment_attempt
 WHERE customer_id = %(customer_id)s AND created_at > %(since)s AND gateway <> 'transfer'

-- set_checkout --
-- The gateway took the order. Not over what a notification may have brought meanwhile.
UPDATE payment_attempt
   SET gateway_payment_id = %(payment_id)s, checkout_url = %(url)s,
       state = CASE state WHEN 'created' THEN 'pending' ELSE state END
 WHERE attempt_id = %(attempt_id)s

-- set_outcome --
-- What an answer, or none, did to an attempt.
UPDATE payment_attempt
   SET state = %(state)s, reason = %(reason)s, next_ask_at = %(next_ask_at)s, asks = asks + %(asked)s,
       answer = coalesce(%(answer)s, answer), answered_at = coalesce(%(answered_at)s, answered_at),
       gateway_payment_id = coalesce(gateway_payment_id, %(payment_id)s)
 WHERE attempt_id = %(attempt_id)s

-- set_decision --
-- Who decided, and what came of it.
UPDATE payment_attempt
   SET state = %(state)s, reason = %(reason)s, decided_by = %(decided_by)s, decided_at = %(decided_at)s,
       next_ask_at = NULL
 WHERE attempt_id = %(attempt_id)s

-- set_cancelled --
-- The customer says that he gave up; it decides nothing.
UPDATE payment_attempt SET customer_cancelled_at = %(now)s
 WHERE attempt_id = %(attempt_id)s AND customer_cancelled_at IS NULL

-- find_payment --
-- The payment that an attempt became.
SELECT payment_id FROM payment WHERE attempt_id = %(attempt_id)s
