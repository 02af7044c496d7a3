-- list_payments --
-- Payments of a scope's customers that a filter leaves, newest first, after one of them.
-- Each has its customer: LEFT lets the planner leave him out where nothing asks for him.
SELECT p.customer_id, p.payment_id, c.username, c.name, c.mobile, o.username AS customer_operator, p.method, p.amount,
       p.discount, p.fee, p.received_at, p.operator, p.note, a.reference,
       -- Not EXISTS: of that the planner may make a hash of all entries.
       coalesce((SELECT true FROM ledger_entry r WHERE r.customer_id = p.customer_id
                    AND r.reverses_entry_id = p.entry_id LIMIT 1), false) AS is_reversed,
       coalesce((SELECT sum(f.amount) FROM refund f WHERE f.customer_id = p.customer_id
                    AND f.payment_id = p.payment_id AND f.state <> 'refused'), 0.00) AS refunded
  FROM payment p
  LEFT JOIN customer c ON c.customer_id = p.customer_id
  LEFT JOIN operator o ON o.operator_id = c.operator_id
  LEFT JOIN payment_attempt a ON a.attempt_id = p.attempt_id
 WHERE (%(scope)s::bigint[] IS NULL OR c.operator_id = ANY(%(scope)s))
   AND (%(after_time)s::timestamptz IS NULL
        OR (p.received_at, p.payment_id) < (%(after_time)s, %(after_id)s::bigint))
   AND (%(payment_ids)s::bigint[] IS NULL OR p.payment_id = ANY (%(payment_ids)s))
   AND (%(words)s::text IS NULL OR customer_words(c.username, c.name, c.mobile) LIKE %(words)s)
   AND (%(customer_id)s::bigint IS NULL OR p.customer_id = %(customer_id)s)
   AND (%(methods)s::text[] IS NULL OR p.method = ANY (%(methods)s))
   AND (%(operator_id)s::bigint IS NULL OR (%(operator_id)s = 0 AND c.operator_id IS NULL)
        OR c.operator_id = %(operator_id)s)
   AND (%(taken_by)s::text IS NULL OR p.operator = %(taken_by)s)
   AND (%(received_from)s::timestamptz IS NULL OR p.received_at >= %(received_from)s)
   AND (%(received_until)s::timestamptz IS NULL OR p.received_at < %(received_until)s)
   -- Few are reversed or refunded: those are looked for, whatever else there is. Of the
   -- others each is looked at.
   AND (%(standing)s::text IS NULL
        OR (%(standing)s = 'reversed' AND p.payment_id = ANY (ARRAY(
                SELECT t.payment_id FROM ledger_entry r
                  JOIN payment t ON t.customer_id = r.customer_id AND t.entry_id = r.reverses_entry_id
                 WHERE r.reverses_entry_id IS NOT NULL)))
        OR (%(standing)s = 'stands' AND (
                SELECT true FROM ledger_entry r WHERE r.customer_id = p.customer_id
                   AND r.reverses_entry_id = p.entry_id LIMIT 1) IS NULL)
        OR (%(standing)s = 'refunded' AND p.payment_id = ANY (ARRAY(
                SELECT f.payment_id FROM refund f WHERE f.state <> 'refused'))))
 ORDER BY p.received_at DESC, p.payment_id DESC LIMIT %(limit)s

-- total_payments --
-- What the filter leaves, by method; what was taken back came in by none. Counted up to
-- the limit.
SELECT method, count(*) AS payments, coalesce(sum(amount) FILTER (WHERE NOT is_reversed), 0.00) AS amount,
       coalesce(sum(discount) FILTER (WHERE NOT is_reversed), 0.00) AS discount,
       coalesce(sum(fee) FILTER (WHERE NOT is_reversed), 0.00) AS fee,
       coalesce(sum(amount) FILTER (WHERE is_reversed), 0.00) AS reversed,
       coalesce(sum(f.given_back), 0.00) AS refunded
  FROM ({filtered}) AS filtered
  LEFT JOIN (SELECT customer_id, payment_id, sum(amount) AS given_back FROM refund WHERE state <> 'refused'
              GROUP BY customer_id, payment_id) f USING (customer_id, payment_id)
 GROUP BY method ORDER BY method

-- find_named --
-- The payments that a reference of ours, or a gateway's number of the money, names.
SELECT p.payment_id FROM payment_attempt a JOIN payment p ON p.attempt_id = a.attempt_id
 WHERE a.reference = %(name)s
UNION
SELECT p.payment_id FROM gateway_transaction t JOIN payment p ON p.attempt_id = t.attempt_id
 WHERE upper(t.transaction_id) = %(name)s

-- is_payment_of --
-- Whether this customer made such a payment, and is in a scope.
SELECT EXISTS (SELECT FROM payment p JOIN customer c ON c.customer_id = p.customer_id
                WHERE p.customer_id = %(customer_id)s AND p.payment_id = %(payment_id)s
                  AND (%(scope)s::bigint[] IS NULL OR c.operator_id = ANY(%(scope)s)))
