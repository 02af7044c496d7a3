-- find_payment --
-- The payment that a ledger entry stands for.
SELECT payment_id, amount, discount FROM payment WHERE customer_id = %(customer_id)s AND entry_id = %(entry_id)s

-- credited_amount --
-- What was credited of an attempt; a person may have approved another amount.
SELECT amount FROM payment WHERE attempt_id = %(attempt_id)s

-- find_payment_customer --
-- Whose payment this is. Without its customer every shard has to look.
SELECT customer_id FROM payment WHERE payment_id = %(payment_id)s

-- read_receipt --
-- A payment with what became of it: taken back (reversed), given back (refunds that stand).
SELECT p.customer_id, c.username, c.name, p.payment_id, p.method, p.amount, p.discount, p.fee, p.received_at,
       e.recorded_at, p.operator, p.note, p.entry_id, p.attempt_id, a.reference,
       r.entry_id AS reversal_entry_id, r.recorded_at AS reversed_at, r.actor AS reversed_by,
       r.note AS reversal_reason,
       coalesce((SELECT sum(amount) FROM refund f WHERE f.customer_id = p.customer_id AND f.payment_id = p.payment_id
                    AND f.state <> 'refused'), 0.00) AS refunded
  FROM payment p
  JOIN customer c ON c.customer_id = p.customer_id
  JOIN ledger_entry e ON e.customer_id = p.customer_id AND e.entry_id = p.entry_id
  LEFT JOIN ledger_entry r ON r.customer_id = p.customer_id AND r.reverses_entry_id = p.entry_id
  LEFT JOIN payment_attempt a ON a.attempt_id = p.attempt_id
 WHERE p.customer_id = %(customer_id)s AND p.payment_id = %(payment_id)s

-- list_settled --
-- What the wallet paid of bills in the transaction that put this entry's money in: the
-- entries of one transaction have its moment as recorded_at.
SELECT coalesce(b.number, b.bill_id::text) AS bill, b.period_start, b.period_end, s.amount, b.status
  FROM ledger_entry e
  JOIN ledger_entry n ON n.customer_id = e.customer_id AND n.recorded_at = e.recorded_at AND n.kind = 'settlement'
  JOIN bill_allocation s ON s.customer_id = n.customer_id AND s.entry_id = n.entry_id
  JOIN bill b ON b.customer_id = s.customer_id AND b.bill_id = s.bill_id
 WHERE e.customer_id = %(customer_id)s AND e.entry_id = %(entry_id)s
 ORDER BY n.entry_id

-- list_payments --
-- Payments, newest first; those that were taken back say so.
SELECT p.payment_id, c.username, p.method, p.amount, p.discount, p.received_at, p.operator, p.note,
       r.entry_id IS NOT NULL AS is_reversed,
       coalesce((SELECT sum(amount) FROM refund f WHERE f.customer_id = p.customer_id AND f.payment_id = p.payment_id
                    AND f.state <> 'refused'), 0.00) AS refunded
  FROM payment p
  JOIN customer c ON c.customer_id = p.customer_id
  LEFT JOIN ledger_entry r ON r.customer_id = p.customer_id AND r.reverses_entry_id = p.entry_id
 WHERE %(customer_id)s::bigint IS NULL OR p.customer_id = %(customer_id)s
 ORDER BY p.received_at DESC, p.payment_id DESC LIMIT %(limit)s
