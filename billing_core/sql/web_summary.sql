-- sum_bills --
-- Bills of a scope that were issued in a range, by operator and package, and by day; one
-- walk through the range. What is void is no debt.
SELECT c.operator_id, coalesce(b.package_id, c.package_id) AS package_id,
       (b.issued_at AT TIME ZONE %(zone)s)::date AS day, count(*) AS bills, sum(b.gross) AS billed,
       sum(b.paid) AS collected
  FROM bill b
  JOIN customer c ON c.customer_id = b.customer_id
 WHERE b.issued_at >= %(since)s AND b.issued_at < %(until)s AND b.status <> 'void'
   AND (%(scope)s::bigint[] IS NULL OR c.operator_id = ANY(%(scope)s))
   AND (%(operator_id)s::bigint IS NULL OR (%(operator_id)s = 0 AND c.operator_id IS NULL)
        OR c.operator_id = %(operator_id)s)
 GROUP BY GROUPING SETS ((c.operator_id, coalesce(b.package_id, c.package_id)),
                         ((b.issued_at AT TIME ZONE %(zone)s)::date))

-- sum_payments --
-- Money of a scope that came in in a range, by operator, and by day; not what was taken
-- back as a mistake.
SELECT c.operator_id, (p.received_at AT TIME ZONE %(zone)s)::date AS day, sum(p.amount) AS received
  FROM payment p
  JOIN customer c ON c.customer_id = p.customer_id
 WHERE p.received_at >= %(since)s AND p.received_at < %(until)s
   AND (%(scope)s::bigint[] IS NULL OR c.operator_id = ANY(%(scope)s))
   AND (%(operator_id)s::bigint IS NULL OR (%(operator_id)s = 0 AND c.operator_id IS NULL)
        OR c.operator_id = %(operator_id)s)
   AND NOT EXISTS (SELECT FROM ledger_entry r
                    WHERE r.customer_id = p.customer_id AND r.reverses_entry_id = p.entry_id)
 GROUP BY GROUPING SETS ((c.operator_id), ((p.received_at AT TIME ZONE %(zone)s)::date))

-- age_open_bills --
-- What is open on bills now, by how long it is overdue: the number of edges that its due
-- date has behind it; NULL = it has none.
SELECT width_bucket(b.due_at, %(edges)s::timestamptz[]) AS bucket, count(*) AS bills, sum(b.gross - b.paid) AS open_amount
  FROM bill b
  JOIN customer c ON c.customer_id = b.customer_id
 WHERE b.status IN ('unpaid', 'partial')
   AND (%(scope)s::bigint[] IS NULL OR c.operator_id = ANY(%(scope)s))
   AND (%(operator_id)s::bigint IS NULL OR (%(operator_id)s = 0 AND c.operator_id IS NULL)
        OR c.operator_id = %(operator_id)s)
 GROUP BY 1
