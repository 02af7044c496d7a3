-- sum_bills --
-- Bills of a scope that were issued on the days of a range, by operator and package, and
-- by day; from the sums that are kept with the bills. What is void is no debt.
SELECT s.operator_id, s.part::bigint AS package_id, s.day, sum(s.items)::bigint AS bills, sum(s.amount) AS billed,
       sum(s.paid) AS collected
  FROM day_sum_now s
 WHERE s.what = 'billed' AND s.day >= (%(since)s::timestamptz AT TIME ZONE %(zone)s)::date
   AND s.day <= ((%(until)s::timestamptz - interval '1 microsecond') AT TIME ZONE %(zone)s)::date
   AND (%(scope)s::bigint[] IS NULL OR s.operator_id = ANY(%(scope)s))
   AND (%(operator_id)s::bigint IS NULL OR s.operator_id = %(operator_id)s)
 GROUP BY GROUPING SETS ((s.operator_id, s.part), (s.day))
HAVING sum(s.items) <> 0

-- sum_payments --
-- Money of a scope that came in on the days of a range, by operator, and by day; not what
-- was taken back as a mistake.
SELECT s.operator_id, s.day, sum(s.amount) AS received
  FROM day_sum_now s
 WHERE s.what = 'received' AND s.day >= (%(since)s::timestamptz AT TIME ZONE %(zone)s)::date
   AND s.day <= ((%(until)s::timestamptz - interval '1 microsecond') AT TIME ZONE %(zone)s)::date
   AND (%(scope)s::bigint[] IS NULL OR s.operator_id = ANY(%(scope)s))
   AND (%(operator_id)s::bigint IS NULL OR s.operator_id = %(operator_id)s)
 GROUP BY GROUPING SETS ((s.operator_id), (s.day))
HAVING sum(s.items) <> 0

-- age_open_bills --
-- What is open on bills now, by how long it is overdue: the number of edges, beginnings
-- of days, that its due day has behind it; NULL = it has none.
SELECT CASE WHEN s.day < 'infinity' THEN width_bucket(s.day::timestamp AT TIME ZONE i.zone, %(edges)s::timestamptz[])
       END AS bucket, sum(s.items)::bigint AS bills, sum(s.amount) AS open_amount
  FROM day_sum_now s
 CROSS JOIN installation i
 WHERE s.what = 'open'
   AND (%(scope)s::bigint[] IS NULL OR s.operator_id = ANY(%(scope)s))
   AND (%(operator_id)s::bigint IS NULL OR s.operator_id = %(operator_id)s)
 GROUP BY 1
HAVING sum(s.items) <> 0
