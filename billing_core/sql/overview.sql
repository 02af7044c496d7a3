-- read_overview --
-- How the installation is doing, in one row.
SELECT (SELECT count(*) FROM acct_session WHERE ended_at IS NULL) AS sessions_online,
       (SELECT count(*) FROM (SELECT FROM acct_intake LIMIT 100001) i) AS intake_backlog,
       (SELECT count(*) FROM acct_parked) AS packets_parked,
       (SELECT count(*) FROM outbox WHERE state IN ('pending', 'sending')) AS outbox_waiting,
       (SELECT count(*) FROM outbox WHERE state = 'failed' AND created_at > now() - interval '1 hour')
           AS outbox_failed_last_hour,
       EXISTS (SELECT FROM process_heartbeat WHERE name = 'worker' AND at > now() - interval '15 seconds')
           AS worker_is_alive,
       EXISTS (SELECT FROM process_heartbeat WHERE name = 'scheduler' AND at > now() - interval '15 seconds')
           AS scheduler_is_alive

-- rejects_last_hour --
-- How many logins were refused lately, by reason.
SELECT reason, count(*) FROM access_reject WHERE rejected_at > now() - interval '1 hour'
 GROUP BY reason ORDER BY 2 DESC, 1
