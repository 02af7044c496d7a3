-- Beside big.sql: what customers in the portal ask about. Each has sessions of a year; the
-- suspended ones are online to pay, and some payments are under way.
INSERT INTO acct_session (customer_id, session_id, nas_id, package_id, state, username, started_at, last_event_at,
                          interim_interval_seconds, ended_at, input_octets, output_octets)
SELECT customer_id, nextval('acct_session_id'), 1, 1, 'ended', username,
       timestamptz '2026-11-20' - n * interval '30 days', timestamptz '2026-11-20' - n * interval '29 days', 300,
       timestamptz '2026-11-20' - n * interval '29 days', 1000, 2000
  FROM customer, generate_series(1, 12) n;
UPDATE acct_session s SET is_restricted = true, framed_ip = inet '100.64.0.0' + s.customer_id, last_received_at = now()
  FROM customer c WHERE c.customer_id = s.customer_id AND c.status = 'suspended' AND s.ended_at IS NULL;
INSERT INTO payment_attempt (customer_id, reference, gateway, amount, currency, purpose, state, created_at, created_by)
SELECT customer_id, 'PENDING' || customer_id, 'bkash', 500, 'BDT', 'wallet', 'pending', now(), 'x'
  FROM customer WHERE customer_id % 40 = 0;
