-- insert_notice --
-- Money that a gateway tells of; told again, it is not news.
INSERT INTO gateway_notice (gateway, transaction_id, received_at, answer, names_attempt_id)
VALUES (%(gateway)s, %(transaction_id)s, %(received_at)s, %(answer)s, %(names_attempt_id)s)
ON CONFLICT (gateway, transaction_id) DO NOTHING
RETURNING notice_id

-- lock_notice --
-- Guards who decides on a notice; taken before any attempt's lock.
SELECT notice_id FROM gateway_notice WHERE notice_id = %(notice_id)s FOR NO KEY UPDATE

-- read_notices --
-- These notices, the oldest first, with the attempts that they name and became.
SELECT n.notice_id, n.gateway, n.transaction_id, n.received_at, n.answer, n.found, n.found_at, n.state, n.reason,
       n.decided_by, n.decided_at, n.names_attempt_id, named.reference AS names_reference,
       named.customer_id AS names_customer_id, n.attempt_id, paid.customer_id, c.username
  FROM gateway_notice n
  LEFT JOIN payment_attempt named ON named.attempt_id = n.names_attempt_id
  LEFT JOIN payment_attempt paid ON paid.attempt_id = n.attempt_id
  LEFT JOIN customer c ON c.customer_id = paid.customer_id
 WHERE n.notice_id = ANY (%(notice_ids)s)
 ORDER BY n.notice_id

-- find_unmatched --
-- Money that waits for a person to say whose it is, the longest first. What an attempt
-- has, or an announced transfer that was not rejected, is matched with that; what names an
-- attempt that is still asked about may yet turn out to be its.
SELECT n.notice_id
  FROM gateway_notice n
 WHERE n.state = 'unmatched'
   AND (%(after)s::bigint IS NULL OR n.notice_id > %(after)s)
   AND NOT EXISTS (SELECT FROM gateway_transaction t
                     JOIN payment_attempt a ON a.attempt_id = t.attempt_id
                    WHERE upper(t.transaction_id) = n.transaction_id
                      AND (t.gateway = n.gateway OR (t.gateway = 'transfer' AND a.state <> 'rejected')))
   AND NOT EXISTS (SELECT FROM payment_attempt a
                    WHERE a.attempt_id = n.names_attempt_id AND a.state IN ('created', 'pending'))
 ORDER BY n.notice_id LIMIT %(limit)s

-- find_notices --
-- The newest notices, whatever became of them.
SELECT notice_id FROM gateway_notice ORDER BY notice_id DESC LIMIT %(limit)s

-- find_notice --
-- What was told of a transaction, by whichever gateway.
SELECT notice_id FROM gateway_notice WHERE transaction_id = %(transaction_id)s ORDER BY notice_id LIMIT 1

-- set_found --
-- What the gateway said when it was asked for this money.
UPDATE gateway_notice SET found = %(found)s, found_at = %(now)s WHERE notice_id = %(notice_id)s

-- set_credited --
-- This money is credited, by whatever attempt; a transfer does not say by which gateway.
UPDATE gateway_notice
   SET state = 'credited', attempt_id = %(attempt_id)s, decided_by = %(actor)s, decided_at = %(now)s
 WHERE transaction_id = ANY (%(transaction_ids)s) AND %(gateway)s IN (gateway, 'transfer') AND state <> 'credited'

-- set_dismissed --
-- A person says that this is no customer's.
UPDATE gateway_notice
   SET state = 'dismissed', reason = %(reason)s, decided_by = %(actor)s, decided_at = %(now)s
 WHERE notice_id = %(notice_id)s AND state = 'unmatched'

-- set_reopened --
-- It waits for its owner again, as if nobody had put it aside.
UPDATE gateway_notice SET state = 'unmatched', reason = '', decided_by = NULL, decided_at = NULL
 WHERE notice_id = %(notice_id)s AND state = 'dismissed'

-- suggest_customers --
-- Whose this money may be: who has the number that sent it, or is called as its reference
-- says. (LIKE ANY of a list would look at every customer.)
SELECT c.customer_id, c.username, c.name, c.mobile
  FROM customer c
 WHERE customer_words(c.username, c.name, c.mobile) LIKE %(number)s
    OR customer_words(c.username, c.name, c.mobile) LIKE %(reference)s
 ORDER BY c.username LIMIT 5
