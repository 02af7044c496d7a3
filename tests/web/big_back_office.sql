-- On top of big.sql: what the pages of network, cards and logs list.
INSERT INTO nas (name, address, secret, coa_identification)
SELECT 'router-' || n, ('10.9.0.' || n)::inet, 'secret', '{User-Name}' FROM generate_series(2, 20) n;
UPDATE acct_session SET nas_id = 1 + customer_id % 20, calling_station_id = '02:00:00:00:00:' || lpad(to_hex(customer_id % 256), 2, '0'),
       framed_ip = ('10.1.' || customer_id / 256 || '.' || customer_id % 256)::inet;
INSERT INTO customer_event (customer_id, at, actor, what)
SELECT customer_id, timestamptz '2026-01-01' + (m * 20000 + customer_id) * interval '3 minutes',
       'operator:clerk-' || customer_id % 50, 'suspended'
  FROM customer, generate_series(0, 4) m;
INSERT INTO operator_event (at, actor, what, note)
SELECT timestamptz '2026-01-01' + n * interval '10 minutes', 'operator:clerk-' || n % 50, 'login', '' FROM generate_series(1, 40000) n;
INSERT INTO access_reject (rejected_at, username, customer_id, nas_id, calling_station_id, reason)
SELECT timestamptz '2026-10-01' + n * interval '30 seconds', 'user' || n % 20000, 1 + n % 20000, 1 + n % 20, '02:00:00:00:00:01',
       CASE WHEN n % 9 = 0 THEN 'BAD_CREDENTIALS' ELSE 'SUSPENDED' END
  FROM generate_series(1, 100000) n;
INSERT INTO outbox (customer_id, session_id, nas_id, kind, reason, created_at, state, outcome)
SELECT 1 + n % 20000, n, 1 + n % 20, 'disconnect', 'PAYMENT_DUE', timestamptz '2026-10-01' + n * interval '45 seconds', 'done', 'ACK'
  FROM generate_series(1, 100000) n;
INSERT INTO card_batch (serial_first, serial_last, face_value, commission, distributor, created_at, created_by)
SELECT 1000000001 + n * 1000, 1000001000 + n * 1000, 100, 0, 'shop-' || n % 20, now(), 't' FROM generate_series(0, 79) n;
INSERT INTO card (serial, batch_id) SELECT serial, batch_id FROM card_batch, generate_series(serial_first, serial_last) serial;
INSERT INTO card_try (customer_id, at, actor, outcome)
SELECT 1 + n % 20000, timestamptz '2026-10-01' + n * interval '45 seconds', 't', 'unknown' FROM generate_series(1, 60000) n;
