-- is_customer_of --
-- Whether a customer is in a scope: operators whose customers one sees, NULL = all.
SELECT EXISTS (SELECT FROM customer c WHERE c.customer_id = %(customer_id)s
                AND (%(scope)s::bigint[] IS NULL OR c.operator_id = ANY(%(scope)s)))

-- is_bill_of --
-- Whether there is such a bill, and its customer is in a scope.
SELECT EXISTS (SELECT FROM bill b JOIN customer c USING (customer_id)
                WHERE b.customer_id = %(customer_id)s AND b.bill_id = %(bill_id)s
                  AND (%(scope)s::bigint[] IS NULL OR c.operator_id = ANY(%(scope)s)))

-- list_customers --
-- Customers of a scope that a filter leaves, newest first, after one of them.
SELECT c.customer_id, c.username, c.name, c.mobile, c.zone, c.kind, c.status, c.suspend_reason, p.name AS package,
       f.name AS profile, o.username AS operator, w.posted, w.posted - w.reserved + w.credit_limit AS available, w.due,
       c.created_at, c.parked_reason,
       -- Not EXISTS: of that the planner may make a hash of all who are online.
       coalesce((SELECT true FROM acct_session s WHERE s.customer_id = c.customer_id AND s.ended_at IS NULL LIMIT 1),
                false) AS is_online
  FROM customer c
  JOIN wallet w ON w.customer_id = c.customer_id
  LEFT JOIN package p ON p.package_id = c.package_id
  LEFT JOIN billing_profile f ON f.profile_id = c.profile_id
  LEFT JOIN operator o ON o.operator_id = c.operator_id
 WHERE (%(scope)s::bigint[] IS NULL OR c.operator_id = ANY(%(scope)s))
   AND (%(after)s::bigint IS NULL OR c.customer_id < %(after)s)
   AND (%(words)s::text IS NULL OR customer_words(c.username, c.name, c.mobile) LIKE %(words)s)
   AND (%(status)s::text IS NULL OR c.status = %(status)s)
   AND (%(kind)s::text IS NULL OR c.kind = %(kind)s)
   AND (%(package_id)s::bigint IS NULL OR c.package_id = %(package_id)s)
   AND (%(profile_id)s::bigint IS NULL OR c.profile_id = %(profile_id)s)
   AND (%(operator_id)s::bigint IS NULL OR (%(operator_id)s = 0 AND c.operator_id IS NULL)
        OR c.operator_id = %(operator_id)s)
   AND (%(zone)s::text IS NULL OR c.zone = %(zone)s)
   AND (NOT %(owing)s OR w.due > 0)
   -- EXISTS: behind OR, what is IN a SELECT of many is read through for each customer.
   AND (NOT %(online)s OR EXISTS (SELECT FROM acct_session s WHERE s.customer_id = c.customer_id AND s.ended_at IS NULL))
   AND (NOT %(parked)s OR c.parked_reason IS NOT NULL)
   AND (%(customer_ids)s::bigint[] IS NULL OR c.customer_id = ANY (%(customer_ids)s))
 ORDER BY c.customer_id DESC LIMIT %(limit)s

-- walk_customers --
-- The ids of the list alone, in its order.
SELECT customer_id FROM ({filtered}) AS walked

-- find_some_named --
-- Customers of a scope whose words these are, so many at most, in no order: what few have,
-- the index of words tells sooner than a walk from the newest on.
SELECT c.customer_id FROM customer c
 WHERE customer_words(c.username, c.name, c.mobile) LIKE %(words)s
   AND (%(scope)s::bigint[] IS NULL OR c.operator_id = ANY (%(scope)s))
 LIMIT %(limit)s

-- find_newest_named --
-- The same of many, the newest first, after one of them, among so many.
SELECT customer_id FROM (
    SELECT c.customer_id, customer_words(c.username, c.name, c.mobile) AS words FROM customer c
     WHERE (%(scope)s::bigint[] IS NULL OR c.operator_id = ANY (%(scope)s))
       AND (%(after)s::bigint IS NULL OR c.customer_id < %(after)s)
     ORDER BY c.customer_id DESC LIMIT %(among)s) newest
 WHERE words LIKE %(words)s
 ORDER BY customer_id DESC LIMIT %(limit)s

-- find_all_named --
-- The same among all; OFFSET keeps the planner from the walk that found too few.
SELECT customer_id FROM (
    SELECT c.customer_id FROM customer c
     WHERE customer_words(c.username, c.name, c.mobile) LIKE %(words)s
       AND (%(scope)s::bigint[] IS NULL OR c.operator_id = ANY (%(scope)s))
       AND (%(after)s::bigint IS NULL OR c.customer_id < %(after)s)
    OFFSET 0) named
 ORDER BY customer_id DESC LIMIT %(limit)s

-- total_customers --
-- How many the filter leaves, and what they owe; counted up to the limit.
SELECT count(*) AS customers, coalesce(sum(due), 0) AS due, coalesce(sum(posted), 0) AS posted
  FROM ({filtered}) AS filtered

-- list_zones --
-- The zones of a scope, each found by one look into the index.
WITH RECURSIVE found AS (
    (SELECT c.zone FROM customer c WHERE c.zone > '' ORDER BY c.zone LIMIT 1)
    UNION ALL
    SELECT (SELECT c.zone FROM customer c WHERE c.zone > found.zone ORDER BY c.zone LIMIT 1)
      FROM found WHERE found.zone IS NOT NULL
)
SELECT zone FROM found
 WHERE zone IS NOT NULL
   AND (%(scope)s::bigint[] IS NULL
        OR EXISTS (SELECT FROM customer c WHERE c.zone = found.zone AND c.operator_id = ANY(%(scope)s)))
 LIMIT 500

-- usage_by_day --
-- What a customer's sessions carried, by the day they began, in the ISP's zone.
SELECT (s.started_at AT TIME ZONE %(zone)s)::date AS day, sum(s.input_octets)::bigint AS up_octets,
       sum(s.output_octets)::bigint AS down_octets, sum(s.session_seconds)::bigint AS seconds
  FROM acct_session s
 WHERE s.customer_id = %(customer_id)s AND s.started_at >= %(since)s
 GROUP BY 1 ORDER BY 1

-- list_payments_of --
-- A customer's payments, newest first.
SELECT p.payment_id, p.method, p.amount, p.discount, p.received_at, p.operator, p.note, p.entry_id,
       EXISTS (SELECT FROM ledger_entry r WHERE r.customer_id = p.customer_id AND r.reverses_entry_id = p.entry_id)
           AS is_reversed
  FROM payment p WHERE p.customer_id = %(customer_id)s
 ORDER BY p.payment_id DESC LIMIT %(limit)s

-- list_rejects_of --
-- A customer's refused logins, newest first.
SELECT r.rejected_at, r.reason, r.calling_station_id FROM access_reject r
 WHERE r.username = %(username)s ORDER BY r.rejected_at DESC LIMIT %(limit)s
