-- 20,000 customers with 6 bills, a payment of each and a session: enough for the planner
-- to see what walking through costs.
INSERT INTO operator (username, password_hash, role, created_at)
SELECT 'reseller-' || n, 'x', 'operator', now() FROM generate_series(1, 20) n;
INSERT INTO customer (username, name, mobile, password_sealed, package_id, operator_id, zone, status, suspend_reason)
SELECT 'user' || n, 'Person ' || n, '0171' || lpad(n::text, 7, '0'), '', 1, 1 + n % 20, 'zone ' || n % 200,
       CASE WHEN n % 50 = 0 THEN 'suspended' ELSE 'active' END, CASE WHEN n % 50 = 0 THEN 'PAYMENT_DUE' END
  FROM generate_series(1, 20000) n;
INSERT INTO login (username, customer_id) SELECT username, customer_id FROM customer;
INSERT INTO wallet (customer_id, due) SELECT customer_id, CASE WHEN customer_id % 20 = 0 THEN 500 ELSE 0 END FROM customer;
INSERT INTO bill (customer_id, kind, period_start, period_end, issued_at, due_at, net, vat, gross, paid, status,
                  subject, suspend_at)
SELECT c.customer_id, 'cycle', at, at + interval '30 days', at, at + interval '7 days', 500, 0, 500,
       CASE WHEN m = 0 AND c.customer_id % 20 = 0 THEN 0 ELSE 500 END,
       CASE WHEN m = 0 AND c.customer_id % 20 = 0 THEN 'unpaid' ELSE 'paid' END, m::text, at + interval '10 days'
  FROM generate_series(5, 0, -1) m, customer c,
       LATERAL (SELECT timestamptz '2026-11-20' - m * interval '30 days' + c.customer_id * interval '1 second' AS at) t;
INSERT INTO bill_number (number, customer_id, bill_id)
SELECT 'B-' || lpad(bill_id::text, 8, '0'), customer_id, bill_id FROM bill;
INSERT INTO acct_session (customer_id, session_id, nas_id, package_id, state, username, started_at, last_event_at,
                          interim_interval_seconds, ended_at)
SELECT customer_id, nextval('acct_session_id'), 1, 1, CASE WHEN customer_id % 50 = 0 THEN 'open' ELSE 'ended' END,
       username, timestamptz '2026-11-01' + customer_id * interval '1 minute', now(), 300,
       CASE WHEN customer_id % 50 <> 0 THEN now() END
  FROM customer;
INSERT INTO ledger_entry (customer_id, kind, occurred_at, idempotency_key, actor)
SELECT customer_id, 'top_up', issued_at, bill_id::text, 'x' FROM bill;
INSERT INTO payment (customer_id, method, amount, received_at, operator, entry_id)
SELECT customer_id, 'cash', 500, occurred_at, 'x', entry_id FROM ledger_entry;
INSERT INTO posting (customer_id, entry_id, line_no, ledger_account, amount)
SELECT customer_id, entry_id, line_no, CASE line_no WHEN 1 THEN 'cash' ELSE 'wallet' END, CASE line_no WHEN 1 THEN 500 ELSE -500 END
  FROM ledger_entry, generate_series(1, 2) line_no;
INSERT INTO payment_attempt (customer_id, reference, gateway, amount, currency, purpose, state, reason, created_at,
                             created_by)
SELECT customer_id, 'REFERENCE' || customer_id || 'X' || n, CASE n WHEN 1 THEN 'bkash' ELSE 'nagad' END, 500, 'BDT',
       'wallet', CASE WHEN n = 2 AND customer_id % 100 = 0 THEN 'review' WHEN customer_id % 500 = 3 THEN 'rejected'
                      WHEN n = 1 THEN 'paid' ELSE 'failed' END,
       'r', now(), 'x'
  FROM generate_series(1, 2) n, customer;
INSERT INTO gateway_transaction (gateway, kind, transaction_id, attempt_id)
SELECT gateway, 'trx', 'TRX' || attempt_id, attempt_id FROM payment_attempt WHERE state = 'paid';
