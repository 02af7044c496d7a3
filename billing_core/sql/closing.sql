-- find_running_on_nas --
-- Customers with sessions on a NAS that last spoke before it restarted.
SELECT DISTINCT customer_id FROM acct_session
 WHERE nas_id = %(nas_id)s AND ended_at IS NULL AND last_event_at <= %(restarted_at)s
   AND last_received_at <= %(received_at)s
 ORDER BY customer_id LIMIT %(limit)s

-- find_stale --
-- Customers with sessions that were silent for longer than their reports may take, or were
-- accepted and never started.
SELECT DISTINCT customer_id FROM acct_session
 WHERE ended_at IS NULL
   AND ((state = 'open'
         AND last_received_at < %(now)s - make_interval(secs => interim_interval_seconds * %(missed)s + %(grace_seconds)s))
        OR (state = 'opening' AND last_received_at < %(now)s - make_interval(secs => %(opening_seconds)s)))
 ORDER BY customer_id LIMIT %(limit)s

-- find_due_to_cut --
-- Customers with sessions whose moment has come: balance, quota or validity at its end.
-- Daily sessions are asked to pay their next day first: find_days_due.
SELECT DISTINCT s.customer_id
  FROM acct_session s JOIN package p ON p.package_id = s.package_id AND p.billing <> 'daily'
 WHERE s.ended_at IS NULL AND s.cut_at <= %(now)s AND s.disconnect_requested_at IS NULL
 ORDER BY s.customer_id LIMIT %(limit)s

-- next_cut --
-- When the next session must be cut.
SELECT min(cut_at) FROM acct_session
 WHERE ended_at IS NULL AND cut_at IS NOT NULL AND disconnect_requested_at IS NULL

-- find_unbilled --
-- Ended sessions with charges on no bill: those that a login of the same device ended.
SELECT customer_id, session_id FROM acct_session
 WHERE bill_due AND ended_at IS NOT NULL ORDER BY customer_id, session_id LIMIT %(limit)s

-- count_running --
-- Running sessions, for the operator's glance.
SELECT count(*) FROM acct_session WHERE ended_at IS NULL

-- find_days_due --
-- Customers with a daily session that ran into a service day which is not charged.
SELECT DISTINCT s.customer_id
  FROM acct_session s JOIN package p ON p.package_id = s.package_id AND p.billing = 'daily'
 WHERE s.ended_at IS NULL AND s.cut_at <= %(now)s AND s.disconnect_requested_at IS NULL
 ORDER BY s.customer_id LIMIT %(limit)s

-- read_day_prices --
-- What a service day of these packages is computed from.
SELECT package_id, name, price, (validity_seconds / 86400)::integer, vat_percent, vat_inclusive
  FROM package WHERE billing = 'daily' AND package_id = ANY (%(package_ids)s)

-- charge_service_days --
-- Charge and bill one service day of each customer; a day that was charged already stays so.
SELECT charge_service_day(customer_id, %(day)s, net, vat, vat_percent, description, %(now)s, %(actor)s)
  FROM unnest(%(customer_ids)s::bigint[], %(nets)s::numeric[], %(vats)s::numeric[],
              %(vat_percents)s::numeric[], %(descriptions)s::text[])
       AS d (customer_id, net, vat, vat_percent, description)

-- read_days_charged --
-- Which of these customers have a service day charged.
SELECT customer_id FROM service_day WHERE service_date = %(day)s AND customer_id = ANY (%(customer_ids)s)

-- note_nas_restart --
-- A NAS restarted; the latest word counts.
INSERT INTO nas_restart (nas_id, restarted_at, received_at)
VALUES (%(nas_id)s, %(restarted_at)s, %(received_at)s)
ON CONFLICT (nas_id) DO UPDATE SET restarted_at = greatest(nas_restart.restarted_at, excluded.restarted_at),
       received_at = greatest(nas_restart.received_at, excluded.received_at)

-- list_nas_restarts --
-- Restarts whose old sessions are still to be ended.
SELECT nas_id, restarted_at, received_at FROM nas_restart ORDER BY nas_id

-- finish_nas_restart --
-- All old sessions are ended, unless the NAS restarted again meanwhile.
DELETE FROM nas_restart
 WHERE nas_id = %(nas_id)s AND restarted_at = %(restarted_at)s AND received_at = %(received_at)s

-- forget_rejects --
-- Rejected logins are kept for a while only: anybody can cause them.
DELETE FROM access_reject WHERE rejected_at < %(before)s
