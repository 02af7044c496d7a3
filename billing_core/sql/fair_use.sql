-- read_standings --
-- What these customers, whose wallets are locked, have used and what their packages allow.
SELECT c.customer_id, c.activated_at, c.reduced_until, f.cycle_end, f.octets_used, p.package_id, p.fair_use_octets,
       p.rate_up_bps, p.rate_down_bps, p.fair_use_rate_up_bps, p.fair_use_rate_down_bps,
       b.bill_trigger, b.bill_day, b.cycle_ends_with_month
  FROM customer c
  JOIN package p ON p.package_id = c.package_id
  LEFT JOIN billing_profile b ON b.profile_id = c.profile_id AND b.billing_type = 'monthly'
  LEFT JOIN fair_use f ON f.customer_id = c.customer_id
 WHERE c.customer_id = ANY (%(customer_ids)s)

-- write_used --
-- What customers have used in their cycles of now.
INSERT INTO fair_use (customer_id, cycle_end, octets_used)
SELECT * FROM unnest(%(customer_ids)s::bigint[], %(cycle_ends)s::timestamptz[], %(octets)s::bigint[])
ON CONFLICT (customer_id) DO UPDATE SET cycle_end = excluded.cycle_end, octets_used = excluded.octets_used

-- write_reduced --
-- Who went beyond fair use, and who is back at full rate; each is told why by his log.
WITH changed AS (
    UPDATE customer c SET reduced_until = f.until
      FROM unnest(%(customer_ids)s::bigint[], %(until)s::timestamptz[]) AS f (customer_id, until)
     WHERE c.customer_id = f.customer_id
    RETURNING c.customer_id, c.reduced_until
)
INSERT INTO customer_event (customer_id, at, actor, what, reason)
SELECT customer_id, %(now)s, 'worker',
       CASE WHEN reduced_until IS NULL THEN 'full rate again' ELSE 'rate reduced' END, 'FAIR_USE'
  FROM changed

-- set_told --
-- Which rates the NAS of a running session was told.
UPDATE acct_session SET is_reduced = %(is_reduced)s
 WHERE customer_id = %(customer_id)s AND session_id = %(session_id)s AND ended_at IS NULL

-- find_cycles_over --
-- Customers at reduced rates whose cycle is over.
SELECT customer_id FROM customer WHERE reduced_until <= %(now)s ORDER BY reduced_until LIMIT %(limit)s

-- read_use --
-- What a customer has used of his fair use; no row = his package has none.
SELECT p.fair_use_octets AS octets_allowed,
       CASE WHEN f.cycle_end > %(now)s THEN f.octets_used ELSE 0 END AS octets_used,
       CASE WHEN f.cycle_end > %(now)s THEN f.cycle_end END AS cycle_end,
       coalesce(c.reduced_until > %(now)s, false) AS is_reduced,
       p.fair_use_rate_up_bps AS rate_up_bps, p.fair_use_rate_down_bps AS rate_down_bps
  FROM customer c
  JOIN package p ON p.package_id = c.package_id
  LEFT JOIN fair_use f ON f.customer_id = c.customer_id
 WHERE c.customer_id = %(customer_id)s AND p.fair_use_octets IS NOT NULL
