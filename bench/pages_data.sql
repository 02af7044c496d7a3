-- A provider of some years for the bench of pages: customers, five bills of each with
-- lines, numbers, entries and payments, and what network, cards and logs list. Put in
-- with triggers and foreign keys off, so what they would keep is kept here; but only each
-- tenth customer's entries have their postings, which pages read by customer alone.
-- Bills lie in the order of their days, as runs issue them.

-- people
INSERT INTO operator (username, name, password_hash, role, parent_id, created_at)
SELECT 'reseller-' || n, 'Reseller ' || n, 'x', 'operator', NULL::bigint, %(now)s FROM generate_series(1, 20) n;
INSERT INTO operator (username, name, password_hash, role, parent_id, created_at)
SELECT username || '-sub', name || ' (sub)', 'x', 'sub_operator', operator_id, %(now)s FROM operator
 WHERE role = 'operator' ORDER BY operator_id LIMIT 5;
INSERT INTO operator (username, name, password_hash, role, created_at)
SELECT 'shop-' || n, 'Shop ' || n, 'x', 'distributor', %(now)s FROM generate_series(1, 20) n;
INSERT INTO nas (name, address, secret, coa_identification)
SELECT 'router-' || n, ('10.9.' || n / 250 || '.' || n %% 250)::inet, 'secret', '{User-Name}'
  FROM generate_series(1, 50) n;
INSERT INTO vat_profile (name) VALUES ('bench');
INSERT INTO package (name, billing, price, rate_down_bps, rate_up_bps)
SELECT 'Home ' || n, 'monthly', 400 + 50 * n, n * 5000000, n * 5000000 FROM generate_series(1, 19) n;
INSERT INTO package (name, billing, price, validity_seconds, validity_from)
VALUES ('Day pass', 'package', 20, 86400, 'purchase');
INSERT INTO billing_profile (name, billing_type, due_days, grace_days)
SELECT 'Monthly ' || n, 'monthly', 7, 3 FROM generate_series(1, 4) n;
INSERT INTO customer (customer_id, username, name, mobile, password_sealed, package_id, profile_id, kind, operator_id,
                      zone, status, suspend_reason, activated_at, billed_until, created_at, parked_reason, mac_binding)
SELECT n, 'user' || n,
       (ARRAY['Abdul', 'Nasrin', 'Kamal', 'Farhana', 'Jahangir', 'Sumaiya', 'Rafiq', 'Tania', 'Habib', 'Shirin',
              'Masud', 'Lubna', 'Tariq', 'Rokeya', 'Imran', 'Salma', 'Anwar', 'Parveen', 'Mizan', 'Dilara'])[1 + n %% 20]
       || ' ' ||
       (ARRAY['Rahman', 'Hossain', 'Akter', 'Khan', 'Begum', 'Islam', 'Chowdhury', 'Ahmed', 'Sarker', 'Mia', 'Uddin',
              'Sikder', 'Talukder', 'Biswas', 'Molla', 'Pathan', 'Bhuiyan', 'Majumder', 'Howlader'])[1 + n %% 19],
       '01' || 3 + n %% 7 || lpad((n * 7919 %% 100000000)::text, 8, '0'), %(sealed)s::bytea,
       (SELECT min(package_id) FROM package WHERE billing = 'monthly') + n * 13 %% 19,
       (SELECT min(profile_id) FROM billing_profile) + n %% 4, 'pppoe',
       CASE WHEN n %% 2 = 0 THEN (SELECT min(operator_id) FROM operator WHERE role = 'operator') + n / 2 %% 25 END,
       'Zone ' || n %% 200, CASE WHEN n %% 50 = 0 THEN 'suspended' ELSE 'active' END,
       CASE WHEN n %% 50 = 0 THEN 'PAYMENT_DUE' END, %(now)s - interval '900 days',
       %(now)s + (n %% 29) * interval '1 day', %(now)s - interval '900 days' + n * interval '1 minute',
       CASE WHEN n %% 5000 = 1 THEN 'PRICE_IS_ZERO' END,
       CASE WHEN n %% 3 = 0 THEN upper(regexp_replace(lpad(to_hex(n), 12, '0'), '(..)(?=.)', '\1:', 'g')) END
  FROM generate_series(1, %(customers)s::bigint) n;
INSERT INTO login (username, customer_id) SELECT username, customer_id FROM customer;
INSERT INTO wallet (customer_id) SELECT customer_id FROM customer;
INSERT INTO subscription (customer_id, package_id, started_at)
SELECT customer_id, package_id, activated_at FROM customer;

-- bills: cycle 0 is the newest; what a customer pays covers two, the last payment one
INSERT INTO bill (bill_id, customer_id, kind, period_start, period_end, issued_at, due_at, suspend_at, net, vat, gross,
                  paid, status, subject, number, package_id, profile_id, voided_at, void_reason)
SELECT b.id, b.customer_id, 'cycle', b.at, b.at + interval '30 days', b.at, b.at + interval '7 days',
       b.at + interval '10 days', 500, 0, 500, CASE b.status WHEN 'paid' THEN 500 WHEN 'partial' THEN 200 ELSE 0 END,
       b.status, 'bench:' || b.cycle, 'B-' || lpad(b.id::text, 8, '0'), b.package_id, b.profile_id,
       CASE b.status WHEN 'void' THEN b.at END, CASE b.status WHEN 'void' THEN 'bench' END
  FROM (SELECT (4 - m) * %(customers)s::bigint + row_number() OVER (PARTITION BY m ORDER BY c.customer_id %% 29 DESC,
                                                                   c.customer_id) AS id,
               m AS cycle, c.customer_id, c.package_id, c.profile_id,
               %(now)s - m * interval '30 days' - (1 + c.customer_id %% 29) * interval '1 day'
               + c.customer_id * interval '10 milliseconds' AS at,
               CASE WHEN m = 0 AND (c.customer_id %% 10 = 0 OR c.customer_id %% 29 < 6 AND c.customer_id %% 3 = 0
                                                                AND c.customer_id %% 10 <> 3)
                    THEN CASE WHEN c.customer_id %% 50 = 10 THEN 'partial' ELSE 'unpaid' END
                    WHEN m = 2 AND c.customer_id %% 1000 = 7 THEN 'void' ELSE 'paid' END AS status
          FROM generate_series(4, 0, -1) m, customer c ORDER BY 1) b;
INSERT INTO bill_line (customer_id, bill_id, line_no, description, quantity, unit, net, vat_percent, vat, gross)
SELECT customer_id, bill_id, 1, 'Home, 30 days', 1, 'cycle', net, 0, vat, gross FROM bill;
INSERT INTO bill_number (number, customer_id, bill_id) SELECT number, customer_id, bill_id FROM bill;
UPDATE bill_series SET next_number = 5 * %(customers)s::bigint + 1 WHERE series = 'B';

-- entries: of a bill its own id; of what pays it and of the settlement, from 10 and 20
-- times the customers on; a void and a mistake, from 30 on
INSERT INTO ledger_entry (customer_id, entry_id, kind, occurred_at, recorded_at, idempotency_key, actor)
SELECT customer_id, bill_id, 'bill', issued_at, issued_at, 'b:' || bill_id, 'scheduler' FROM bill;
CREATE TEMP TABLE paying AS
SELECT customer_id, part, 10 * %(customers)s::bigint + row_number() OVER (ORDER BY at) AS entry_id, at, amount,
       CASE WHEN part = 0 AND customer_id %% 10 = 3 THEN 'bkash' ELSE 'cash' END AS method
  FROM (SELECT b.customer_id, (right(b.subject, 1)::integer + 1) / 2 AS part, max(b.issued_at) + interval '4 hours' AS at,
               sum(b.paid) AS amount
          FROM bill b WHERE b.paid > 0 GROUP BY 1, 2) p;
CREATE INDEX ON paying (customer_id, part);
ANALYZE paying;
INSERT INTO ledger_entry (customer_id, entry_id, kind, occurred_at, recorded_at, idempotency_key, actor)
SELECT customer_id, entry_id, 'top_up', at, at, 'p:' || part, 'operator:clerk-' || customer_id %% 40
  FROM paying ORDER BY entry_id;
INSERT INTO ledger_entry (customer_id, entry_id, kind, occurred_at, recorded_at, idempotency_key, actor)
SELECT customer_id, 10 * %(customers)s::bigint + entry_id, 'settlement', at, at, 's:' || part, 'wallet'
  FROM paying ORDER BY entry_id;
INSERT INTO ledger_entry (customer_id, entry_id, kind, occurred_at, recorded_at, idempotency_key, actor, note)
SELECT customer_id, 30 * %(customers)s::bigint + bill_id, 'bill_void', issued_at, issued_at, 'v:' || bill_id,
       'operator:boss', 'bench' FROM bill WHERE status = 'void';
INSERT INTO ledger_entry (customer_id, entry_id, kind, occurred_at, recorded_at, idempotency_key, actor, note,
                          reverses_entry_id)
SELECT customer_id, 40 * %(customers)s::bigint + 2 * customer_id + r, CASE r WHEN 0 THEN 'top_up' ELSE 'reversal' END,
       %(now)s - customer_id %% 100 * interval '1 day', %(now)s - customer_id %% 100 * interval '1 day', 'm:' || r,
       'operator:boss', CASE r WHEN 0 THEN '' ELSE 'typed twice' END,
       CASE r WHEN 1 THEN 40 * %(customers)s::bigint + 2 * customer_id END
  FROM customer, generate_series(0, 1) r WHERE customer_id %% 500 = 3;
INSERT INTO posting (customer_id, entry_id, line_no, ledger_account, amount)
SELECT e.customer_id, e.entry_id, line_no, CASE line_no WHEN 1 THEN first ELSE second END,
       CASE line_no WHEN 1 THEN amount ELSE -amount END
  FROM (SELECT customer_id, bill_id AS entry_id, 'receivable' AS first, 'income' AS second, gross AS amount FROM bill
        UNION ALL SELECT customer_id, 30 * %(customers)s::bigint + bill_id, 'income', 'receivable', gross FROM bill
                   WHERE status = 'void'
        UNION ALL SELECT customer_id, entry_id, method, 'wallet', amount FROM paying
        UNION ALL SELECT customer_id, 10 * %(customers)s::bigint + entry_id, 'wallet', 'receivable', amount FROM paying
        UNION ALL SELECT customer_id, entry_id, CASE kind WHEN 'reversal' THEN 'wallet' ELSE 'cash' END,
                         CASE kind WHEN 'reversal' THEN 'cash' ELSE 'wallet' END, 100
                    FROM ledger_entry WHERE entry_id > 40 * %(customers)s::bigint) e,
       generate_series(1, 2) line_no
 WHERE e.customer_id %% 10 = 0;
INSERT INTO bill_allocation (customer_id, bill_id, entry_id, amount)
SELECT b.customer_id, b.bill_id, 10 * %(customers)s::bigint + p.entry_id, b.paid
  FROM bill b JOIN paying p ON p.customer_id = b.customer_id AND p.part = (right(b.subject, 1)::integer + 1) / 2
 WHERE b.paid > 0;
UPDATE wallet w SET due = d.due
  FROM (SELECT customer_id, sum(gross - paid) AS due FROM bill WHERE status IN ('unpaid', 'partial') GROUP BY 1) d
 WHERE d.customer_id = w.customer_id;

-- attempts: of a tenth of the customers, and the payments
INSERT INTO payment_attempt (customer_id, reference, gateway, amount, currency, purpose, state, reason, created_at,
                             created_by, gateway_payment_id, decided_by, decided_at)
SELECT n, 'REFERENCE' || lpad(n::text, 11, '0'), (ARRAY['bkash', 'nagad', 'sslcommerz'])[CASE WHEN state = 'paid' THEN 1 ELSE 1 + n %% 3 END],
       500, 'BDT', 'bills', state, CASE state WHEN 'review' THEN 'AMOUNT_DIFFERS' WHEN 'rejected' THEN 'no money came' ELSE '' END,
       %(now)s - interval '30 days' + n * interval '0.2 seconds', 'customer:user' || n, 'G' || n,
       CASE WHEN state IN ('paid', 'rejected') THEN 'operator:clerk-1' END, CASE WHEN state IN ('paid', 'rejected') THEN %(now)s END
  FROM (SELECT n, CASE WHEN n %% 10 = 3 THEN 'paid' WHEN n %% 500 = 14 THEN 'review' WHEN n %% 500 = 24 THEN 'confirmed'
                       WHEN n %% 500 = 34 THEN 'rejected' WHEN n %% 100 = 4 THEN 'expired' ELSE 'failed' END AS state
          FROM generate_series(1, %(customers)s::bigint) n WHERE n %% 10 = 3 OR n %% 50 IN (14, 24, 34, 4)) a ORDER BY n;
INSERT INTO payment_attempt_event (attempt_id, at, actor, what)
SELECT attempt_id, created_at, created_by, what FROM payment_attempt, unnest(ARRAY['created', 'asked']) AS what;
INSERT INTO gateway_transaction (gateway, kind, transaction_id, attempt_id)
SELECT gateway, 'trx', 'TRX' || attempt_id, attempt_id FROM payment_attempt WHERE state = 'paid';
INSERT INTO gateway_notice (gateway, transaction_id, received_at, answer)
SELECT 'bkash', 'NOTICE' || n, %(now)s - n * interval '1 minute',
       jsonb_build_object('state', 'paid', 'reference', NULL, 'payment_id', NULL, 'merchant', NULL, 'merchant_expected',
                          NULL, 'amount', '500.00', 'currency', 'BDT', 'transactions',
                          jsonb_build_array(jsonb_build_object('kind', 'trx', 'id', 'NOTICE' || n)), 'fee', NULL,
                          'paid_at', NULL, 'payer', '01711000000', 'flags', '[]'::jsonb, 'reason', '', 'raw',
                          '{}'::jsonb)
  FROM generate_series(1, %(customers)s::bigint / 1000) n;
INSERT INTO payment (customer_id, method, amount, received_at, operator, entry_id, attempt_id)
SELECT p.customer_id, p.method, p.amount, p.at, 'operator:clerk-' || p.customer_id %% 40, p.entry_id,
       CASE p.method WHEN 'bkash' THEN a.attempt_id END
  FROM paying p LEFT JOIN payment_attempt a ON a.customer_id = p.customer_id AND a.state = 'paid' AND p.part = 0
 ORDER BY p.entry_id;
INSERT INTO payment (customer_id, method, amount, received_at, operator, entry_id)
SELECT customer_id, 'cash', 100, occurred_at, actor, entry_id FROM ledger_entry
 WHERE entry_id > 40 * %(customers)s::bigint AND kind = 'top_up';
DROP TABLE paying;

-- network
INSERT INTO acct_session (customer_id, session_id, nas_id, package_id, state, username, acct_session_id,
                          calling_station_id, framed_ip, started_at, last_event_at, last_received_at, ended_at,
                          terminate_cause, session_seconds, input_octets, output_octets, interim_interval_seconds)
SELECT c.customer_id, nextval('acct_session_id'), (SELECT min(nas_id) FROM nas) + c.customer_id %% 50, c.package_id,
       CASE WHEN running THEN 'open' ELSE 'ended' END, c.username, 's' || c.customer_id,
       upper(regexp_replace(lpad(to_hex(c.customer_id), 12, '0'), '(..)(?=.)', '\1:', 'g')),
       '10.64.0.0'::inet + c.customer_id, at, CASE WHEN running THEN %(now)s ELSE at + interval '2 hours' END,
       CASE WHEN running THEN %(now)s ELSE at + interval '2 hours' END, CASE WHEN NOT running THEN at + interval '2 hours' END,
       CASE WHEN NOT running THEN 'User-Request' END, 7200, 100000000, 1000000000, 300
  FROM (SELECT c.customer_id, c.package_id, c.username, running,
               %(now)s - CASE WHEN running THEN c.customer_id %% 86400 * interval '1 second'
                              ELSE interval '2 days' + c.customer_id %% 2500000 * interval '1 second' END AS at
          FROM customer c, unnest(ARRAY[false, true]) AS running
         WHERE NOT running OR c.customer_id %% 10 IN (1, 4, 7)
         ORDER BY running, at) c;
INSERT INTO access_reject (rejected_at, username, customer_id, nas_id, calling_station_id, reason)
SELECT %(now)s - (%(customers)s::bigint / 10 - n) * interval '6 seconds', 'user' || n, n, (SELECT min(nas_id) FROM nas) + n %% 50,
       '02:00:00:00:00:01', CASE WHEN n %% 9 = 0 THEN 'BAD_CREDENTIALS' ELSE 'SUSPENDED' END
  FROM generate_series(1, %(customers)s::bigint / 10) n;
INSERT INTO outbox (customer_id, session_id, nas_id, kind, reason, created_at, state, outcome, finished_at)
SELECT n, n, (SELECT min(nas_id) FROM nas) + n %% 50, 'disconnect', 'PAYMENT_DUE',
       %(now)s - (%(customers)s::bigint / 10 - n) * interval '20 seconds', 'done', 'ACK', %(now)s
  FROM generate_series(1, %(customers)s::bigint / 10) n;

-- cards, a thousand a batch
INSERT INTO card_batch (serial_first, serial_last, face_value, commission, distributor, created_at, created_by)
SELECT 1000000001 + n * 1000, 1000001000 + n * 1000, 100, 5, 'shop-' || 1 + n %% 20, %(now)s, 'operator:boss'
  FROM generate_series(0, greatest(%(customers)s::bigint / 10000 - 1, 1)) n;
INSERT INTO card (serial, batch_id, state, activated_at, used_at, used_by)
SELECT serial, batch_id, state, CASE WHEN state <> 'generated' THEN %(now)s END, CASE state WHEN 'used' THEN %(now)s END,
       CASE state WHEN 'used' THEN 1 + serial %% %(customers)s::bigint END
  FROM (SELECT serial, batch_id, (ARRAY['generated', 'active', 'used'])[1 + serial %% 3] AS state
          FROM card_batch, generate_series(serial_first, serial_last) serial) c;
INSERT INTO card_event (at, actor, what, serial_first, serial_last, cards)
SELECT created_at, created_by, 'generated', serial_first, serial_last, 1000 FROM card_batch;
INSERT INTO card_try (customer_id, at, actor, outcome, client_address)
SELECT n, %(now)s - (%(customers)s::bigint / 10 - n) * interval '30 seconds', 'customer:user' || n,
       CASE WHEN n %% 3 = 0 THEN 'unknown' ELSE 'credited' END, '10.0.0.9'
  FROM generate_series(1, %(customers)s::bigint / 10) n;

-- logs, runs and files
INSERT INTO customer_event (customer_id, at, actor, what, reason)
SELECT 1 + n * 7 %% %(customers)s::bigint, %(now)s - (%(customers)s::bigint / 2 - n) * interval '30 seconds',
       'operator:clerk-' || n %% 40, 'suspended', 'PAYMENT_DUE'
  FROM generate_series(1, %(customers)s::bigint / 2) n;
INSERT INTO operator_event (at, actor, what, note)
SELECT %(now)s - (%(customers)s::bigint / 10 - n) * interval '3 minutes', 'operator:clerk-' || n %% 40, 'logged in', ''
  FROM generate_series(1, %(customers)s::bigint / 10) n;
INSERT INTO billing_run (kind, as_of, started_at, finished_at, billed)
SELECT (ARRAY['cycles', 'service_days', 'suspension'])[1 + n %% 3], at, at, at + interval '1 minute', n %% 7
  FROM (SELECT n, %(now)s - (2000 - n) * interval '5 minutes' AS at FROM generate_series(1, 2000) n) r;
INSERT INTO customer_import (uploaded_at, actor, file_name, sha256, sealed)
SELECT %(now)s, 'operator:boss', 'customers.csv', sha256('bench'), NULL FROM generate_series(1, 20);
INSERT INTO payment_link (customer_id, amount, created_at, created_by, expires_at)
SELECT n, 500, %(now)s, 'operator:boss', %(now)s + interval '7 days' FROM generate_series(1, %(customers)s::bigint / 100) n;
INSERT INTO refund (customer_id, payment_id, amount, reason, reference, by_gateway, state, requested_at, requested_by,
                    finished_at, entry_id)
SELECT customer_id, payment_id, 100, 'bench', 'REFUND' || payment_id, false, 'done', received_at, operator, received_at,
       entry_id FROM payment WHERE method = 'bkash' AND customer_id %% 500 = 13;
