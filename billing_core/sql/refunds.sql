-- insert_refund --
-- Money that is given back, or that a gateway is about to be asked for.
INSERT INTO refund (customer_id, payment_id, amount, reason, reference, by_gateway, state, requested_at, requested_by,
                    finished_at, next_ask_at, entry_id)
VALUES (%(customer_id)s, %(payment_id)s, %(amount)s, %(reason)s, %(reference)s, %(by_gateway)s, %(state)s,
        %(requested_at)s, %(requested_by)s, %(finished_at)s, %(next_ask_at)s, %(entry_id)s)
RETURNING refund_id

-- lock_refund --
-- Whoever writes how a refund stands has this lock, after the wallet's.
SELECT refund_id FROM refund WHERE refund_id = %(refund_id)s FOR UPDATE

-- read_refunds --
-- These refunds, the oldest first.
SELECT f.refund_id, f.customer_id, c.username, f.payment_id, p.method, p.attempt_id, f.amount, f.reason, f.reference,
       f.by_gateway, f.state, f.gateway_refund_id, f.outcome, f.answer, f.requested_at, f.requested_by, f.finished_at,
       f.asks, f.next_ask_at, f.entry_id
  FROM refund f
  JOIN payment p ON p.customer_id = f.customer_id AND p.payment_id = f.payment_id
  JOIN customer c ON c.customer_id = f.customer_id
 WHERE f.refund_id = ANY (%(refund_ids)s) ORDER BY f.refund_id

-- find_refunds_of_payment --
-- What was given back of a payment, or asked for.
SELECT refund_id FROM refund WHERE customer_id = %(customer_id)s AND payment_id = %(payment_id)s

-- find_refund --
-- The refund of a reference of ours.
SELECT refund_id FROM refund WHERE reference = %(reference)s

-- find_refund_by_key --
-- The refund that an operator's key made when it was used first.
SELECT f.refund_id
  FROM ledger_entry e
  JOIN refund f ON f.customer_id = e.customer_id AND f.entry_id = e.entry_id
 WHERE e.customer_id = %(customer_id)s AND e.idempotency_key = %(key)s

-- find_newest_refunds --
-- The newest refunds, all or only those that are not finished.
SELECT refund_id FROM refund WHERE NOT %(open_only)s OR state IN ('requested', 'unknown')
 ORDER BY refund_id DESC LIMIT %(limit)s

-- sum_refunds_of_entry --
-- What was given back, or is asked for, of the payment that this entry brought.
SELECT coalesce(sum(f.amount), 0)
  FROM payment p
  JOIN refund f ON f.customer_id = p.customer_id AND f.payment_id = p.payment_id AND f.state <> 'refused'
 WHERE p.customer_id = %(customer_id)s AND p.entry_id = %(entry_id)s

-- set_refund --
-- How a refund stands after an answer, or after none.
UPDATE refund
   SET state = %(state)s, outcome = %(outcome)s, gateway_refund_id = coalesce(%(gateway_refund_id)s, gateway_refund_id),
       answer = coalesce(%(answer)s, answer), finished_at = %(finished_at)s, next_ask_at = %(next_ask_at)s,
       asks = asks + %(asked)s
 WHERE refund_id = %(refund_id)s

-- claim_refund_to_ask --
-- Take one refund whose time has come, for as long as the lease.
UPDATE refund SET next_ask_at = %(lease_until)s
 WHERE refund_id = (
    SELECT f.refund_id FROM refund f
      JOIN payment p ON p.customer_id = f.customer_id AND p.payment_id = f.payment_id
     WHERE f.next_ask_at <= %(now)s AND f.state IN ('requested', 'unknown') AND p.method = %(gateway)s
     ORDER BY f.next_ask_at LIMIT 1 FOR UPDATE OF f SKIP LOCKED)
RETURNING refund_id
