-- lock_wallets --
-- Whoever writes a customer's sessions, holds or money has this lock first, in this order.
SELECT count(*) FROM (
    SELECT FROM wallet WHERE customer_id = ANY (%(customer_ids)s) ORDER BY customer_id FOR UPDATE) locked

-- read_wallets --
-- What is in locked wallets. Not read while waiting for the lock: a customer suspended
-- meanwhile would look active.
SELECT w.customer_id, w.posted, w.reserved, w.credit_limit, c.suspend_reason, c.sessions_allowed
  FROM wallet w JOIN customer c ON c.customer_id = w.customer_id
 WHERE w.customer_id = ANY (%(customer_ids)s)

-- read_wallets_with_money --
-- Of locked wallets, those with money that no session holds.
SELECT w.customer_id, w.posted, w.reserved, w.credit_limit, c.suspend_reason, c.sessions_allowed
  FROM wallet w JOIN customer c ON c.customer_id = w.customer_id
 WHERE w.customer_id = ANY (%(customer_ids)s) AND w.posted > w.reserved

-- read_running --
-- Every running session of these customers, with what it holds.
SELECT s.customer_id, s.session_id, s.nas_id, s.package_id, s.subscription_id, s.state, s.acct_session_id,
       s.class_value, s.calling_station_id, s.called_station_id, s.nas_port_id, host(s.nas_ip),
       host(s.framed_ip), s.framed_ipv6, s.started_at, s.last_event_at, s.last_received_at,
       s.interim_interval_seconds, s.ended_at, s.terminate_cause, s.session_seconds, s.input_octets, s.output_octets, s.charged, s.billed,
       s.counted_seconds, s.counted_octets, s.limit_seconds, s.limit_octets,
       s.cut_at, s.cut_reason, s.disconnect_requested_at, s.is_restricted, s.is_reduced, r.held
  FROM acct_session s
  LEFT JOIN reservation r ON r.customer_id = s.customer_id AND r.session_id = s.session_id AND r.state = 'open'
 WHERE s.customer_id = ANY (%(customer_ids)s) AND s.ended_at IS NULL
 ORDER BY s.customer_id, s.session_id

-- read_ended --
-- Ended sessions that late packets may belong to: by our cookie's id or by Acct-Session-Id.
SELECT s.customer_id, s.session_id, s.nas_id, s.package_id, s.subscription_id, s.state, s.acct_session_id,
       s.class_value, s.calling_station_id, s.called_station_id, s.nas_port_id, host(s.nas_ip),
       host(s.framed_ip), s.framed_ipv6, s.started_at, s.last_event_at, s.last_received_at,
       s.interim_interval_seconds, s.ended_at, s.terminate_cause, s.session_seconds, s.input_octets, s.output_octets, s.charged, s.billed,
       s.counted_seconds, s.counted_octets, s.limit_seconds, s.limit_octets,
       s.cut_at, s.cut_reason, s.disconnect_requested_at, s.is_restricted, s.is_reduced, NULL::numeric
  FROM unnest(%(customer_ids)s::bigint[], %(acct_session_ids)s::text[]) AS k (customer_id, acct_session_id)
  JOIN acct_session s ON s.customer_id = k.customer_id AND s.acct_session_id = k.acct_session_id
 WHERE s.ended_at IS NOT NULL
UNION
SELECT s.customer_id, s.session_id, s.nas_id, s.package_id, s.subscription_id, s.state, s.acct_session_id,
       s.class_value, s.calling_station_id, s.called_station_id, s.nas_port_id, host(s.nas_ip),
       host(s.framed_ip), s.framed_ipv6, s.started_at, s.last_event_at, s.last_received_at,
       s.interim_interval_seconds, s.ended_at, s.terminate_cause, s.session_seconds, s.input_octets, s.output_octets, s.charged, s.billed,
       s.counted_seconds, s.counted_octets, s.limit_seconds, s.limit_octets,
       s.cut_at, s.cut_reason, s.disconnect_requested_at, s.is_restricted, s.is_reduced, NULL::numeric
  FROM unnest(%(customer_ids)s::bigint[], %(session_ids)s::bigint[]) AS k (customer_id, session_id)
  JOIN acct_session s ON s.customer_id = k.customer_id AND s.session_id = k.session_id
 WHERE s.ended_at IS NOT NULL

-- read_customer_packages --
-- What a session that began without us runs on: the customer's package and subscription.
SELECT c.customer_id, c.username, c.package_id, s.subscription_id, p.interim_interval_seconds, p.billing
  FROM customer c
  JOIN package p ON p.package_id = c.package_id
  LEFT JOIN subscription s ON s.customer_id = c.customer_id AND s.state <> 'ended'
 WHERE c.customer_id = ANY (%(customer_ids)s)

-- read_rated_packages --
-- The tariffs of the packages that sessions run on.
SELECT package_id, name, billing, sessions_allowed, setup_fee, price_per_minute, price_per_mb, increment_seconds,
       increment_octets, minimum_charge, free_seconds, vat_percent, vat_inclusive, fair_use_octets IS NOT NULL
  FROM package WHERE package_id = ANY (%(package_ids)s)

-- read_quotas --
-- What is left of the packages of these customers.
SELECT customer_id, subscription_id, seconds_allowed, octets_allowed, seconds_used, octets_used, valid_until
  FROM subscription WHERE customer_id = ANY (%(customer_ids)s) AND subscription_id = ANY (%(subscription_ids)s)

-- next_session_ids --
-- Ids for sessions that began without a login of ours.
SELECT nextval('acct_session_id') FROM generate_series(1, %(count)s)

-- insert_sessions --
-- Sessions that began without a login of ours, to be filled by write_sessions.
INSERT INTO acct_session (customer_id, session_id, nas_id, package_id, subscription_id, state, username,
                          started_at, last_event_at, interim_interval_seconds)
SELECT * FROM unnest(
    %(customer_id)s::bigint[], %(session_id)s::bigint[], %(nas_id)s::bigint[], %(package_id)s::bigint[],
    %(subscription_id)s::bigint[], %(state)s::text[], %(username)s::text[], %(started_at)s::timestamptz[],
    %(last_event_at)s::timestamptz[], %(interim_interval_seconds)s::integer[])

-- write_counters --
-- The growth of sessions of which nothing else changed: what nearly every interim update is.
UPDATE acct_session s
   SET last_event_at = f.last_event_at, last_received_at = f.last_received_at,
       session_seconds = f.session_seconds, input_octets = f.input_octets, output_octets = f.output_octets,
       charged = f.charged, counted_seconds = f.counted_seconds, counted_octets = f.counted_octets
  FROM unnest(
    %(customer_id)s::bigint[], %(session_id)s::bigint[], %(last_event_at)s::timestamptz[],
    %(last_received_at)s::timestamptz[], %(session_seconds)s::bigint[], %(input_octets)s::bigint[],
    %(output_octets)s::bigint[], %(charged)s::numeric[], %(counted_seconds)s::bigint[],
    %(counted_octets)s::bigint[])
    AS f (customer_id, session_id, last_event_at, last_received_at, session_seconds, input_octets,
          output_octets, charged, counted_seconds, counted_octets)
 WHERE s.customer_id = f.customer_id AND s.session_id = f.session_id

-- write_sessions --
-- Everything a fold may change of a session.
UPDATE acct_session s
   SET state = f.state, acct_session_id = f.acct_session_id, calling_station_id = f.calling_station_id,
       called_station_id = f.called_station_id, nas_port_id = f.nas_port_id, nas_ip = f.nas_ip::inet,
       framed_ip = f.framed_ip::inet, framed_ipv6 = f.framed_ipv6, started_at = f.started_at,
       last_event_at = f.last_event_at, last_received_at = f.last_received_at, ended_at = f.ended_at,
       terminate_cause = f.terminate_cause, session_seconds = f.session_seconds,
       input_octets = f.input_octets, output_octets = f.output_octets, charged = f.charged,
       counted_seconds = f.counted_seconds, counted_octets = f.counted_octets,
       limit_seconds = f.limit_seconds, limit_octets = f.limit_octets, cut_at = f.cut_at,
       cut_reason = f.cut_reason, disconnect_requested_at = f.disconnect_requested_at
  FROM unnest(
    %(customer_id)s::bigint[], %(session_id)s::bigint[], %(state)s::text[], %(acct_session_id)s::text[],
    %(calling_station_id)s::text[], %(called_station_id)s::text[], %(nas_port_id)s::text[],
    %(nas_ip)s::text[], %(framed_ip)s::text[], %(framed_ipv6)s::text[], %(started_at)s::timestamptz[],
    %(last_event_at)s::timestamptz[], %(last_received_at)s::timestamptz[], %(ended_at)s::timestamptz[],
    %(terminate_cause)s::text[], %(session_seconds)s::bigint[], %(input_octets)s::bigint[],
    %(output_octets)s::bigint[], %(charged)s::numeric[], %(counted_seconds)s::bigint[],
    %(counted_octets)s::bigint[], %(limit_seconds)s::bigint[], %(limit_octets)s::bigint[],
    %(cut_at)s::timestamptz[], %(cut_reason)s::text[], %(disconnect_requested_at)s::timestamptz[])
    AS f (customer_id, session_id, state, acct_session_id, calling_station_id, called_station_id, nas_port_id,
          nas_ip, framed_ip, framed_ipv6, started_at, last_event_at, last_received_at, ended_at,
          terminate_cause, session_seconds, input_octets, output_octets, charged, counted_seconds,
          counted_octets, limit_seconds, limit_octets, cut_at, cut_reason, disconnect_requested_at)
 WHERE s.customer_id = f.customer_id AND s.session_id = f.session_id

-- write_quotas --
-- Time and octets used of packages.
UPDATE subscription s SET seconds_used = f.seconds_used, octets_used = f.octets_used
  FROM unnest(%(customer_ids)s::bigint[], %(subscription_ids)s::bigint[], %(seconds_used)s::bigint[],
              %(octets_used)s::bigint[]) AS f (customer_id, subscription_id, seconds_used, octets_used)
 WHERE s.customer_id = f.customer_id AND s.subscription_id = f.subscription_id

-- post_session_charges --
-- One ledger entry a charge. Its key is the session and what it has been charged in all, so
-- that no growth is ever charged twice.
WITH charge AS (
    SELECT * FROM unnest(%(customer_ids)s::bigint[], %(keys)s::text[], %(nets)s::numeric[],
                         %(vats)s::numeric[]) AS c (customer_id, idempotency_key, net, vat)
), entry AS (
    INSERT INTO ledger_entry (customer_id, kind, occurred_at, idempotency_key, actor)
    SELECT customer_id, 'session_charge', %(now)s, idempotency_key, 'worker' FROM charge
    RETURNING customer_id, entry_id, idempotency_key
)
INSERT INTO posting (customer_id, entry_id, line_no, ledger_account, amount)
SELECT customer_id, entry_id, line_no, ledger_account, amount
  FROM entry JOIN charge USING (customer_id, idempotency_key)
 CROSS JOIN LATERAL (VALUES (1, 'wallet', net + vat), (2, 'income', -net), (3, 'vat_payable', -vat))
         AS line (line_no, ledger_account, amount)
 WHERE amount <> 0

-- write_holds --
-- What open reservations still hold after charges and renewals.
WITH hold AS (
    SELECT * FROM unnest(%(customer_ids)s::bigint[], %(session_ids)s::bigint[], %(before)s::numeric[],
                         %(after)s::numeric[]) AS h (customer_id, session_id, before, after)
), written AS (
    UPDATE reservation r SET held = hold.after
      FROM hold WHERE r.customer_id = hold.customer_id AND r.session_id = hold.session_id AND r.state = 'open'
)
UPDATE wallet w SET reserved = w.reserved + f.growth
  FROM (SELECT customer_id, sum(after - before) AS growth FROM hold GROUP BY customer_id) f
 WHERE w.customer_id = f.customer_id AND f.growth <> 0

-- open_holds --
-- Reservations of rated sessions that have none: they began without us, or reopened.
INSERT INTO reservation (customer_id, session_id, held, opened_at)
SELECT customer_id, session_id, 0, %(now)s
  FROM unnest(%(customer_ids)s::bigint[], %(session_ids)s::bigint[]) AS f (customer_id, session_id)

-- settle_holds --
-- The end of reservations whose session has ended; what they held is free again.
WITH ended AS (
    SELECT r.customer_id, r.reservation_id, r.held
      FROM reservation r
      JOIN unnest(%(customer_ids)s::bigint[], %(session_ids)s::bigint[]) AS f (customer_id, session_id)
        ON r.customer_id = f.customer_id AND r.session_id = f.session_id
     WHERE r.state = 'open'
), freed AS (
    UPDATE wallet w SET reserved = w.reserved - f.held
      FROM (SELECT customer_id, sum(held) AS held FROM ended GROUP BY customer_id) f
     WHERE w.customer_id = f.customer_id AND f.held <> 0
)
UPDATE reservation r SET state = 'settled', held = 0, closed_at = %(now)s
  FROM ended WHERE r.customer_id = ended.customer_id AND r.reservation_id = ended.reservation_id

-- bill_ended_sessions --
-- A bill for each ended session that was charged more than was billed. A session that
-- reopened, or whose late Stop told more, gets a further bill for the rest.
WITH due AS (
    SELECT s.customer_id, s.session_id, s.charged - s.billed AS gross, s.started_at, s.ended_at,
           s.session_seconds, s.input_octets + s.output_octets AS octets, p.name, p.vat_percent,
           round(s.charged * 100 / (100 + p.vat_percent), 2) - round(s.billed * 100 / (100 + p.vat_percent), 2) AS net,
           s.session_id || CASE WHEN s.billed = 0 THEN '' ELSE '+' || s.billed END AS subject
      FROM acct_session s JOIN package p ON p.package_id = s.package_id
     WHERE s.ended_at IS NOT NULL AND s.billed < s.charged
       AND s.customer_id = ANY (%(customer_ids)s) AND s.session_id = ANY (%(session_ids)s)
), marked AS (
    UPDATE acct_session s SET billed = s.charged, bill_due = false
      FROM due WHERE s.customer_id = due.customer_id AND s.session_id = due.session_id
), issued AS (
    INSERT INTO bill (customer_id, kind, period_start, period_end, issued_at, net, vat, gross, paid, status, subject)
    SELECT customer_id, 'session', started_at, greatest(ended_at, started_at), %(now)s,
           net, gross - net, gross, gross, 'paid', subject FROM due
    RETURNING customer_id, bill_id, subject
)
INSERT INTO bill_line (customer_id, bill_id, line_no, description, quantity, unit, net, vat_percent, vat, gross)
SELECT due.customer_id, issued.bill_id, 1,
       due.name || ': ' || due.session_seconds / 60 || ' min ' || due.session_seconds %% 60 || ' s, '
           || round(due.octets / 1000000.0, 2) || ' MB',
       1, 'session', due.net, due.vat_percent, due.gross - due.net, due.gross
  FROM due JOIN issued USING (customer_id, subject)

-- enqueue_disconnects --
-- Ask the NAS to end these sessions; the outbox wakes the sender.
INSERT INTO outbox (customer_id, session_id, nas_id, kind, reason)
SELECT customer_id, session_id, nas_id, 'disconnect', reason
  FROM unnest(%(customer_ids)s::bigint[], %(session_ids)s::bigint[], %(nas_ids)s::bigint[], %(reasons)s::text[])
       AS f (customer_id, session_id, nas_id, reason)

-- find_session_customer --
-- Whose a session is; for people who know only its number.
SELECT customer_id FROM acct_session WHERE session_id = %(session_id)s
