-- list_unsettled_attempts --
-- A customer's payments that are under way or wait for a person, newest first.
SELECT a.attempt_id, a.reference, a.gateway, a.amount, a.purpose, a.state, a.created_at, a.checkout_url,
       a.customer_cancelled_at
  FROM payment_attempt a
 WHERE a.customer_id = %(customer_id)s
   AND (a.state IN ('confirmed', 'review') OR a.state IN ('created', 'pending') AND a.created_at > %(since)s)
 ORDER BY a.attempt_id DESC LIMIT %(limit)s

-- list_payments --
-- A customer's payments, newest first, after one of them.
SELECT p.payment_id, p.method, p.amount, p.discount, p.received_at,
       EXISTS (SELECT FROM ledger_entry r WHERE r.customer_id = p.customer_id AND r.reverses_entry_id = p.entry_id)
           AS is_reversed,
       coalesce((SELECT sum(f.amount) FROM refund f WHERE f.customer_id = p.customer_id
                    AND f.payment_id = p.payment_id AND f.state <> 'refused'), 0.00) AS refunded
  FROM payment p
 WHERE p.customer_id = %(customer_id)s AND (%(after)s::bigint IS NULL OR p.payment_id < %(after)s)
 ORDER BY p.payment_id DESC LIMIT %(limit)s

-- find_restricted --
-- Suspended customers whose restricted session has this address and still reports.
SELECT DISTINCT s.customer_id, c.username, c.suspend_reason, c.language
  FROM acct_session s JOIN customer c ON c.customer_id = s.customer_id
 WHERE s.framed_ip = %(address)s::inet AND s.ended_at IS NULL AND s.is_restricted AND c.status = 'suspended'
   AND s.last_received_at > %(now)s - s.interim_interval_seconds * interval '3 seconds'
 ORDER BY s.customer_id LIMIT 2

-- read_usage --
-- What a customer's sessions carried that began within a time.
SELECT coalesce(sum(s.input_octets), 0)::bigint, coalesce(sum(s.output_octets), 0)::bigint
  FROM acct_session s WHERE s.customer_id = %(customer_id)s AND s.started_at >= %(since)s

-- list_nas_addresses --
-- Addresses of NAS of ours.
SELECT host(address) FROM nas UNION SELECT host(coa_address) FROM nas WHERE coa_address IS NOT NULL

-- find_by_mobile --
-- Customers with this mobile, however it is written.
SELECT c.customer_id FROM customer c
 WHERE c.mobile <> '' AND mobile_digits(c.mobile) = mobile_digits(%(mobile)s)
 ORDER BY c.customer_id LIMIT %(limit)s
