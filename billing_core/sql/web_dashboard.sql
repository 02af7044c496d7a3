-- read_standing --
-- How a scope's customers stand now.
SELECT (SELECT count(*) FROM acct_session s
         WHERE s.ended_at IS NULL
           AND (%(scope)s::bigint[] IS NULL OR EXISTS (SELECT FROM customer c WHERE c.customer_id = s.customer_id
                                                        AND c.operator_id = ANY(%(scope)s)))) AS online,
       (SELECT count(*) FROM customer c
         WHERE c.status <> 'active' AND c.status = 'suspended'
           AND (%(scope)s::bigint[] IS NULL OR c.operator_id = ANY(%(scope)s))) AS suspended,
       (SELECT coalesce(sum(s.amount), 0) FROM day_sum_now s
         WHERE s.what = 'open'
           AND (%(scope)s::bigint[] IS NULL OR s.operator_id = ANY(%(scope)s))) AS outstanding

-- collected_by_day --
-- Payments of a scope's customers, by civil day and method; not those taken back.
SELECT s.day, s.part AS method, sum(s.amount) AS amount, sum(s.items)::bigint AS payments
  FROM day_sum_now s
 WHERE s.what = 'received' AND s.day >= (%(since)s::timestamptz AT TIME ZONE %(zone)s)::date
   AND (%(scope)s::bigint[] IS NULL OR s.operator_id = ANY(%(scope)s))
 GROUP BY 1, 2
HAVING sum(s.items) <> 0
 ORDER BY 1, 2

-- logins_by_hour --
-- Sessions of a scope's customers that began, by hour.
SELECT date_trunc('hour', s.started_at) AS hour, count(*) AS logins
  FROM acct_session s
 WHERE s.started_at >= %(since)s
   AND (%(scope)s::bigint[] IS NULL OR EXISTS (SELECT FROM customer c WHERE c.customer_id = s.customer_id
                                                AND c.operator_id = ANY(%(scope)s)))
 GROUP BY 1 ORDER BY 1

-- rejects_by_hour --
-- Logins that were refused, by hour; nobody's usernames only for who sees everybody.
SELECT date_trunc('hour', r.rejected_at) AS hour, count(*) AS rejects
  FROM access_reject r
 WHERE r.rejected_at >= %(since)s
   AND (%(scope)s::bigint[] IS NULL OR EXISTS (SELECT FROM customer c WHERE c.customer_id = r.customer_id
                                                AND c.operator_id = ANY(%(scope)s)))
 GROUP BY 1 ORDER BY 1

-- silent_nas --
-- NAS with sessions that run, none of which was heard of for so long.
SELECT n.name, count(*) AS sessions, max(s.last_received_at) AS heard_at
  FROM acct_session s JOIN nas n ON n.nas_id = s.nas_id
 WHERE s.ended_at IS NULL
 GROUP BY n.nas_id, n.name, n.interim_interval_seconds
HAVING max(s.last_received_at) < %(now)s - make_interval(secs => 3 * n.interim_interval_seconds)
 ORDER BY n.name

-- latest_runs --
-- The newest run of each billing job.
SELECT DISTINCT ON (kind) kind, started_at, finished_at, billed, parked, errors
  FROM billing_run ORDER BY kind, run_id DESC
