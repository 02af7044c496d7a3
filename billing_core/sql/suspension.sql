-- find_to_suspend --
-- Active customers (of these, or NULL = of all) who owe overdue bills, or more than their
-- profile bears; their hold has ended.
SELECT customer_id FROM (
    SELECT b.customer_id FROM bill b
     WHERE b.status IN ('unpaid', 'partial') AND b.suspend_at <= %(now)s
       AND (%(customer_ids)s::bigint[] IS NULL OR b.customer_id = ANY (%(customer_ids)s))
    UNION
    SELECT c.customer_id
      FROM billing_profile f
      JOIN customer c ON c.profile_id = f.profile_id
      JOIN wallet w ON w.customer_id = c.customer_id
     WHERE f.due_threshold > 0 AND f.auto_suspend AND w.due > f.due_threshold
       AND (%(customer_ids)s::bigint[] IS NULL OR c.customer_id = ANY (%(customer_ids)s))
) due
  JOIN customer c USING (customer_id)
 WHERE c.status = 'active' AND (c.suspension_hold_until IS NULL OR c.suspension_hold_until <= %(now)s)
 ORDER BY customer_id

-- read_service_facts --
-- What decides whether these customers have service. Whether a daily customer is
-- covered is added by who knows the day's price; that he is not who used money which
-- turned out never to have come, is seen here.
SELECT c.customer_id, c.status, c.suspend_reason,
       p.billing = 'free' OR coalesce(f.billing_type = 'free', false), coalesce(f.auto_suspend, true),
       coalesce(f.auto_activate, true), coalesce(f.due_threshold, 0), c.suspension_hold_until, w.due,
       EXISTS (SELECT FROM bill b WHERE b.customer_id = c.customer_id AND b.status IN ('unpaid', 'partial')
                AND b.suspend_at <= %(now)s),
       p.billing IN ('daily', 'package') AND w.posted + w.credit_limit < 0
  FROM customer c
  JOIN wallet w ON w.customer_id = c.customer_id
  JOIN package p ON p.package_id = c.package_id
  LEFT JOIN billing_profile f ON f.profile_id = c.profile_id
 WHERE c.customer_id = ANY (%(customer_ids)s)

-- suspend_customers --
-- Stop service, for a reason.
UPDATE customer c SET status = 'suspended', suspend_reason = s.reason
  FROM unnest(%(customer_id)s::bigint[], %(reason)s::text[]) AS s (customer_id, reason)
 WHERE c.customer_id = s.customer_id AND c.status = 'active'

-- restore_customers --
-- Let service come back.
UPDATE customer c SET status = 'active', suspend_reason = NULL
 WHERE c.customer_id = ANY (%(customer_ids)s) AND c.status = 'suspended'

-- log_customer_events --
-- The same event for many customers, each with its reason.
INSERT INTO customer_event (customer_id, at, actor, what, reason)
SELECT customer_id, %(now)s, %(actor)s, %(what)s, reason
  FROM unnest(%(customer_id)s::bigint[], %(reason)s::text[]) AS e (customer_id, reason)

-- open_stretches --
-- From now on no cycle bill covers these customers, where their profile does not bill
-- suspended ones.
INSERT INTO unbilled_stretch (customer_id, started_at, reason)
SELECT c.customer_id, %(now)s, %(reason)s
  FROM customer c LEFT JOIN billing_profile f ON f.profile_id = c.profile_id
 WHERE c.customer_id = ANY (%(customer_ids)s)
   AND (%(reason)s <> 'suspended' OR NOT coalesce(f.bill_while_suspended, false))
   AND NOT EXISTS (SELECT FROM unbilled_stretch u WHERE u.customer_id = c.customer_id AND u.ended_at IS NULL)
ON CONFLICT DO NOTHING

-- end_stretches --
-- From now on cycle bills cover these customers again; a stretch of no length is no stretch.
WITH ended AS (
    UPDATE unbilled_stretch SET ended_at = %(now)s
     WHERE customer_id = ANY (%(customer_ids)s) AND ended_at IS NULL AND started_at < %(now)s
)
DELETE FROM unbilled_stretch
 WHERE customer_id = ANY (%(customer_ids)s) AND ended_at IS NULL AND started_at >= %(now)s

-- bill_suspended_from --
-- From now on suspended customers of a profile are billed (one of them, or NULL = all).
UPDATE unbilled_stretch u SET ended_at = %(now)s
  FROM customer c
 WHERE c.customer_id = u.customer_id AND c.profile_id = %(profile_id)s
   AND (%(customer_id)s::bigint IS NULL OR c.customer_id = %(customer_id)s)
   AND c.status = 'suspended' AND c.paused_at IS NULL
   AND u.reason = 'suspended' AND u.ended_at IS NULL AND u.started_at < %(now)s

-- bill_suspended_until --
-- From now on suspended customers of a profile are not billed (one of them, or NULL = all).
INSERT INTO unbilled_stretch (customer_id, started_at, reason)
SELECT c.customer_id, %(now)s, 'suspended'
  FROM customer c
 WHERE c.profile_id = %(profile_id)s AND (%(customer_id)s::bigint IS NULL OR c.customer_id = %(customer_id)s)
   AND c.status = 'suspended'
   AND NOT EXISTS (SELECT FROM unbilled_stretch u WHERE u.customer_id = c.customer_id AND u.ended_at IS NULL)
ON CONFLICT DO NOTHING

-- set_hold --
-- Do not suspend before this; NULL = as the profile says.
UPDATE customer SET suspension_hold_until = %(until)s WHERE customer_id = %(customer_id)s

-- set_paused --
-- Paused from this moment; NULL = not.
UPDATE customer SET paused_at = %(paused_at)s WHERE customer_id = %(customer_id)s

-- read_to_be_suspended --
-- When these will be suspended if nothing is paid, and over what.
SELECT c.customer_id, c.username, s.reason,
       greatest(coalesce(b.suspend_at, %(now)s), c.suspension_hold_until) AS suspend_at,
       coalesce(b.overdue, w.due) AS overdue
  FROM unnest(%(customer_id)s::bigint[], %(reason)s::text[]) AS s (customer_id, reason)
  JOIN customer c ON c.customer_id = s.customer_id
  JOIN wallet w ON w.customer_id = s.customer_id
  LEFT JOIN LATERAL (
      SELECT min(b.suspend_at) AS suspend_at, sum(b.gross - b.paid) AS overdue
        FROM bill b
       WHERE b.customer_id = s.customer_id AND b.status IN ('unpaid', 'partial') AND b.suspend_at <= %(by)s
         AND s.reason = 'PAYMENT_DUE') b ON true

-- find_active --
-- So many active customers of a scope (NULL = all).
SELECT c.customer_id FROM customer c
 WHERE c.status = 'active' AND (%(scope)s::bigint[] IS NULL OR c.operator_id = ANY (%(scope)s))
 ORDER BY c.customer_id LIMIT %(limit)s

-- sample_share --
-- Which part of all customers so many of them are, in percent.
SELECT least(100, 100 * %(wanted)s / greatest(reltuples, 1)) FROM pg_class WHERE oid = 'customer'::regclass

-- sample_active --
-- The active customers of a scope among so many percent of all; asked again, the same.
SELECT c.customer_id FROM customer c TABLESAMPLE SYSTEM (%(percent)s::real) REPEATABLE (1)
 WHERE c.status = 'active' AND (%(scope)s::bigint[] IS NULL OR c.operator_id = ANY (%(scope)s))
