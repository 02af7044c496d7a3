-- read_network_terms --
-- What a NAS is told of packages, as far as a change of it matters to a running session.
SELECT package_id, billing, rate_up_bps, rate_down_bps, fair_use_rate_up_bps, fair_use_rate_down_bps,
       framed_pool, sessions_allowed
  FROM package WHERE package_id = ANY (%(package_ids)s)

-- read_own_terms --
-- What of it a customer has for himself.
SELECT framed_ip IS NOT NULL, sessions_allowed FROM customer WHERE customer_id = %(customer_id)s

-- move_session --
-- A running session goes on as one of another package.
UPDATE acct_session SET package_id = %(package_id)s, is_reduced = %(is_reduced)s
 WHERE customer_id = %(customer_id)s AND session_id = %(session_id)s AND ended_at IS NULL
