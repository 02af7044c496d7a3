-- find_waiting --
-- Attempts of a scope's customers that wait for a person, the longest first, after one.
SELECT a.attempt_id, c.name, c.mobile, o.username AS operator
  FROM payment_attempt a
  JOIN customer c ON c.customer_id = a.customer_id
  LEFT JOIN operator o ON o.operator_id = c.operator_id
 WHERE a.state IN ('confirmed', 'review')
   AND (%(scope)s::bigint[] IS NULL OR c.operator_id = ANY(%(scope)s))
   AND (%(after)s::bigint IS NULL OR a.attempt_id > %(after)s)
   AND (%(state)s::text IS NULL OR a.state = %(state)s)
   AND (%(gateway)s::text IS NULL OR a.gateway = %(gateway)s)
   AND (%(attempt_ids)s::bigint[] IS NULL OR a.attempt_id = ANY (%(attempt_ids)s))
   AND (%(words)s::text IS NULL OR customer_words(c.username, c.name, c.mobile) LIKE %(words)s)
 ORDER BY a.attempt_id LIMIT %(limit)s

-- find_attempts --
-- Attempts of a scope's customers, whatever became of them, newest first, after one.
SELECT a.attempt_id, c.name, c.mobile, o.username AS operator
  FROM payment_attempt a
  JOIN customer c ON c.customer_id = a.customer_id
  LEFT JOIN operator o ON o.operator_id = c.operator_id
 WHERE (%(scope)s::bigint[] IS NULL OR c.operator_id = ANY(%(scope)s))
   AND (%(after)s::bigint IS NULL OR a.attempt_id < %(after)s)
   AND (%(state)s::text IS NULL OR a.state = %(state)s)
   AND (%(gateway)s::text IS NULL OR a.gateway = %(gateway)s)
   AND (%(attempt_ids)s::bigint[] IS NULL OR a.attempt_id = ANY (%(attempt_ids)s))
   AND (%(words)s::text IS NULL OR customer_words(c.username, c.name, c.mobile) LIKE %(words)s)
 ORDER BY a.attempt_id DESC LIMIT %(limit)s

-- find_named --
-- The attempts that a reference of ours or a gateway's number of money names.
SELECT attempt_id FROM payment_attempt WHERE reference = %(name)s
UNION
SELECT attempt_id FROM gateway_transaction WHERE upper(transaction_id) = %(name)s

-- is_attempt_of --
-- Whether this customer has such an attempt, and is in a scope.
SELECT EXISTS (SELECT FROM payment_attempt a JOIN customer c ON c.customer_id = a.customer_id
                WHERE a.attempt_id = %(attempt_id)s AND a.customer_id = %(customer_id)s
                  AND (%(scope)s::bigint[] IS NULL OR c.operator_id = ANY(%(scope)s)))
