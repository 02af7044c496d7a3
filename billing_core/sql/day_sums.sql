-- fold_changes --
-- Add what changed to the sums; returns how many changes there were. What is written
-- meanwhile is left for the next time.
WITH folded AS (
    DELETE FROM day_sum_change RETURNING what, day, operator_id, part, kind, items, amount, paid
), added AS (
    INSERT INTO day_sum AS s (what, day, operator_id, part, kind, items, amount, paid)
    SELECT what, day, operator_id, part, kind, sum(items), sum(amount), sum(paid) FROM folded GROUP BY 1, 2, 3, 4, 5
    ON CONFLICT (what, day, operator_id, part, kind) DO UPDATE
       SET items = s.items + EXCLUDED.items, amount = s.amount + EXCLUDED.amount, paid = s.paid + EXCLUDED.paid)
SELECT count(*) FROM folded

-- read_bounds --
-- From when until when there is something of these kinds, within a scope.
SELECT min(s.day)::timestamp AT TIME ZONE i.zone, (max(s.day) + 1)::timestamp AT TIME ZONE i.zone
  FROM day_sum_now s
 CROSS JOIN installation i
 WHERE s.what = ANY (%(whats)s) AND s.items <> 0
   AND (%(scope)s::bigint[] IS NULL OR s.operator_id = ANY(%(scope)s))
   AND (%(operator_id)s::bigint IS NULL OR s.operator_id = %(operator_id)s)
   AND (%(parts)s::text[] IS NULL OR s.part = ANY (%(parts)s))
   AND (%(kind)s::text IS NULL OR s.kind = %(kind)s)
 GROUP BY i.zone

-- sum_bills --
-- How many bills were issued on whole days and what they come to; no row when the range
-- begins or ends within a day.
SELECT coalesce(sum(s.items), 0)::bigint, coalesce(sum(s.amount) FILTER (WHERE s.what = 'billed'), 0.00),
       coalesce(sum(s.paid), 0.00)
  FROM installation i
  LEFT JOIN day_sum_now s ON s.what = ANY (%(whats)s)
   AND (%(since)s::timestamptz IS NULL OR s.day >= (%(since)s AT TIME ZONE i.zone)::date)
   AND (%(until)s::timestamptz IS NULL OR s.day < (%(until)s AT TIME ZONE i.zone)::date)
   AND (%(scope)s::bigint[] IS NULL OR s.operator_id = ANY(%(scope)s))
   AND (%(operator_id)s::bigint IS NULL OR s.operator_id = %(operator_id)s)
   AND (%(parts)s::text[] IS NULL OR s.part = ANY (%(parts)s))
   AND (%(kind)s::text IS NULL OR s.kind = %(kind)s)
 WHERE (%(since)s::timestamptz IS NULL OR (%(since)s AT TIME ZONE i.zone)::time = '00:00')
   AND (%(until)s::timestamptz IS NULL OR (%(until)s AT TIME ZONE i.zone)::time = '00:00')
 GROUP BY i.zone
