-- find_cycle_customers --
-- Monthly customers for whom a period may have come due.
SELECT c.customer_id
  FROM customer c
  JOIN package p ON p.package_id = c.package_id AND p.billing = 'monthly'
 WHERE c.parked_reason IS NULL AND (c.billed_until IS NULL OR c.billed_until <= %(as_of)s)
   AND (%(profile_id)s::bigint IS NULL OR c.profile_id = %(profile_id)s)
 ORDER BY c.customer_id

-- read_cycle_facts --
-- What a cycle bill of these customers is drafted from. Read after their wallets are
-- locked, so that nobody else is billing them.
SELECT c.customer_id, c.status, c.paused_at IS NOT NULL, c.package_id, c.profile_id, c.special_price,
       c.discount_percent, c.activated_at, c.billed_until
  FROM customer c
 WHERE c.customer_id = ANY (%(customer_ids)s) AND c.parked_reason IS NULL
 ORDER BY c.customer_id

-- read_unbilled_stretches --
-- Time of these customers that no cycle bill covers.
SELECT s.customer_id, s.started_at, s.ended_at
  FROM unbilled_stretch s JOIN customer c ON c.customer_id = s.customer_id
 WHERE s.customer_id = ANY (%(customer_ids)s)
   AND (s.ended_at IS NULL OR s.ended_at > coalesce(c.billed_until, '-infinity'))
 ORDER BY s.customer_id, s.started_at

-- read_cycle_packages --
-- Monthly packages.
SELECT package_id, name, billing, price, vat_percent, vat_inclusive FROM package WHERE billing = 'monthly'

-- read_profiles --
-- Billing profiles, as they are.
SELECT profile_id, name, billing_type, bill_trigger, bill_day, in_advance, cycle_ends_with_month, due_days,
       grace_days, due_threshold, auto_bill, auto_suspend, auto_activate, bill_while_suspended,
       suspended_state, suspended_pool, suspended_address_list, proration, vat_profile_id,
       minimum_validity_days, daily_charge
  FROM billing_profile ORDER BY profile_id

-- read_vat_profiles --
-- VAT profiles with their rates.
SELECT v.vat_profile_id, v.name, v.inclusive, v.registration_number,
       coalesce(array_agg(r.effective_from ORDER BY r.effective_from) FILTER (WHERE r.percent IS NOT NULL), '{}'),
       coalesce(array_agg(r.percent ORDER BY r.effective_from) FILTER (WHERE r.percent IS NOT NULL), '{}')
  FROM vat_profile v LEFT JOIN vat_rate r ON r.vat_profile_id = v.vat_profile_id
 GROUP BY v.vat_profile_id ORDER BY v.vat_profile_id

-- next_bill_ids --
-- Ids for bills and their entries.
SELECT nextval('bill_bill_id_seq'), nextval('ledger_entry_entry_id_seq') FROM generate_series(1, %(count)s)

-- next_entry_ids --
-- Ids for ledger entries.
SELECT nextval('ledger_entry_entry_id_seq') FROM generate_series(1, %(count)s)

-- take_numbers --
-- The next numbers of a series; the lock is held until the bills that bear them commit.
UPDATE bill_series SET next_number = next_number + %(count)s WHERE series = %(series)s
RETURNING next_number - %(count)s

-- insert_bills --
-- Bills of a batch, and the way from each number to its bill.
WITH issued AS (
    INSERT INTO bill (customer_id, bill_id, kind, period_start, period_end, issued_at, net, vat, gross, paid, status,
                      subject, number, due_at, suspend_at, package_id, profile_id)
    SELECT customer_id, bill_id, kind, period_start, period_end, %(now)s, net, vat, gross,
           CASE WHEN is_paid THEN gross ELSE 0 END, CASE WHEN is_paid OR gross = 0 THEN 'paid' ELSE 'unpaid' END,
           subject, number, due_at, suspend_at, package_id, profile_id
      FROM unnest(%(customer_id)s::bigint[], %(bill_id)s::bigint[], %(kind)s::text[],
                  %(period_start)s::timestamptz[], %(period_end)s::timestamptz[], %(net)s::numeric[],
                  %(vat)s::numeric[], %(gross)s::numeric[], %(is_paid)s::boolean[], %(subject)s::text[],
                  %(number)s::text[], %(due_at)s::timestamptz[], %(suspend_at)s::timestamptz[],
                  %(package_id)s::bigint[], %(profile_id)s::bigint[])
           AS b (customer_id, bill_id, kind, period_start, period_end, net, vat, gross, is_paid, subject, number,
                 due_at, suspend_at, package_id, profile_id)
    RETURNING number, customer_id, bill_id
)
INSERT INTO bill_number (number, customer_id, bill_id)
SELECT number, customer_id, bill_id FROM issued WHERE number IS NOT NULL

-- insert_bill_lines --
-- Lines of the bills of a batch.
INSERT INTO bill_line (customer_id, bill_id, line_no, description, quantity, unit, net, vat_percent, vat, gross)
SELECT * FROM unnest(%(customer_id)s::bigint[], %(bill_id)s::bigint[], %(line_no)s::smallint[],
                     %(description)s::text[], %(quantity)s::numeric[], %(unit)s::text[], %(net)s::numeric[],
                     %(vat_percent)s::numeric[], %(vat)s::numeric[], %(gross)s::numeric[])

-- insert_entries --
-- Ledger entries of a batch; their postings follow in one statement.
INSERT INTO ledger_entry (customer_id, entry_id, kind, occurred_at, idempotency_key, actor)
SELECT customer_id, entry_id, kind, %(now)s, idempotency_key, %(actor)s
  FROM unnest(%(customer_id)s::bigint[], %(entry_id)s::bigint[], %(kind)s::text[],
              %(idempotency_key)s::text[]) AS e (customer_id, entry_id, kind, idempotency_key)

-- insert_posting_rows --
-- Postings of whole entries of a batch.
INSERT INTO posting (customer_id, entry_id, line_no, ledger_account, amount)
SELECT * FROM unnest(%(customer_id)s::bigint[], %(entry_id)s::bigint[], %(line_no)s::smallint[],
                     %(ledger_account)s::text[], %(amount)s::numeric[])

-- advance_customers --
-- Up to where these customers are billed.
UPDATE customer c SET billed_until = b.billed_until
  FROM unnest(%(customer_id)s::bigint[], %(billed_until)s::timestamptz[]) AS b (customer_id, billed_until)
 WHERE c.customer_id = b.customer_id

-- add_due --
-- What came onto or went off the open bills of wallets.
UPDATE wallet w SET due = w.due + d.amount
  FROM (SELECT customer_id, sum(amount) AS amount
          FROM unnest(%(customer_id)s::bigint[], %(amount)s::numeric[]) AS u (customer_id, amount)
         GROUP BY customer_id) d
 WHERE w.customer_id = d.customer_id

-- park_customers --
-- Left out of runs until a person has looked.
UPDATE customer c SET parked_reason = p.reason
  FROM unnest(%(customer_id)s::bigint[], %(reason)s::text[]) AS p (customer_id, reason)
 WHERE c.customer_id = p.customer_id

-- unpark_customer --
-- A person has looked.
UPDATE customer SET parked_reason = NULL WHERE customer_id = %(customer_id)s AND parked_reason IS NOT NULL

-- list_parked --
-- Customers that runs leave out, and why.
SELECT customer_id, username, parked_reason FROM customer WHERE parked_reason IS NOT NULL
 ORDER BY customer_id LIMIT %(limit)s

-- read_open_bills --
-- Open bills of these customers, the one due first first.
SELECT customer_id, bill_id, due_at, gross - paid FROM bill
 WHERE customer_id = ANY (%(customer_ids)s) AND status IN ('unpaid', 'partial')
 ORDER BY customer_id, due_at NULLS FIRST, bill_id

-- read_dues --
-- Of these customers, those that owe something.
SELECT customer_id, due FROM wallet WHERE customer_id = ANY (%(customer_ids)s) AND due > 0

-- pay_bills --
-- Amounts that settle bills.
UPDATE bill b
   SET paid = b.paid + p.amount,
       status = CASE b.paid + p.amount WHEN b.gross THEN 'paid' WHEN 0 THEN 'unpaid' ELSE 'partial' END
  FROM unnest(%(customer_id)s::bigint[], %(bill_id)s::bigint[], %(amount)s::numeric[])
       AS p (customer_id, bill_id, amount)
 WHERE b.customer_id = p.customer_id AND b.bill_id = p.bill_id

-- insert_allocations --
-- Which entry paid how much of which bill.
INSERT INTO bill_allocation (customer_id, bill_id, entry_id, amount)
SELECT * FROM unnest(%(customer_id)s::bigint[], %(bill_id)s::bigint[], %(entry_id)s::bigint[],
                     %(amount)s::numeric[])

-- start_run --
-- A run begins.
INSERT INTO billing_run (kind, as_of, started_at, note) VALUES (%(kind)s, %(as_of)s, %(now)s, %(note)s)
RETURNING run_id

-- note_progress --
-- How far a run came, in the transaction that did it.
UPDATE billing_run SET billed = billed + %(billed)s, parked = parked + %(parked)s, errors = errors + %(errors)s,
       reached_customer_id = %(reached)s
 WHERE run_id = %(run_id)s

-- finish_run --
-- A run came to its end.
UPDATE billing_run SET finished_at = %(now)s WHERE run_id = %(run_id)s

-- list_runs --
-- The newest runs.
SELECT run_id, kind, as_of, started_at, finished_at, billed, parked, errors, reached_customer_id, note
  FROM billing_run ORDER BY run_id DESC LIMIT %(limit)s

-- count_customers_after --
-- How many customers a run has before it, for its progress bar.
SELECT count(*) FROM customer c JOIN package p ON p.package_id = c.package_id AND p.billing = ANY (%(billings)s)
 WHERE c.customer_id > %(after)s

-- number_bills --
-- Numbers for bills that logins and sessions issued, in the order of their ids.
WITH due AS (
    SELECT customer_id, bill_id, row_number() OVER (ORDER BY bill_id) AS n
      FROM (SELECT customer_id, bill_id FROM bill WHERE number IS NULL ORDER BY bill_id LIMIT %(limit)s) b
), taken AS (
    UPDATE bill_series SET next_number = next_number + (SELECT count(*) FROM due) WHERE series = 'B'
    RETURNING next_number - (SELECT count(*) FROM due) AS first
), numbered AS (
    UPDATE bill b SET number = 'B-' || lpad((taken.first + due.n - 1)::text, 8, '0')
      FROM due, taken WHERE b.customer_id = due.customer_id AND b.bill_id = due.bill_id
    RETURNING b.number, b.customer_id, b.bill_id
)
INSERT INTO bill_number (number, customer_id, bill_id) SELECT number, customer_id, bill_id FROM numbered

-- find_day_customers --
-- Daily customers who have this service day not charged and are charged for every day;
-- those of the variant that pays only days used pay at their login.
SELECT c.customer_id
  FROM customer c
  JOIN package p ON p.package_id = c.package_id AND p.billing = 'daily'
  LEFT JOIN billing_profile f ON f.profile_id = c.profile_id
 WHERE c.status = 'active' AND c.paused_at IS NULL AND c.parked_reason IS NULL
   AND c.activated_at < %(day_end)s
   AND (f.profile_id IS NULL OR (f.billing_type = 'daily' AND f.daily_charge = 'every_day' AND f.auto_bill))
   AND NOT EXISTS (SELECT FROM service_day d WHERE d.customer_id = c.customer_id AND d.service_date = %(day)s)
 ORDER BY c.customer_id

-- read_day_facts --
-- Of these customers under lock: still of these statuses, and the day still not charged;
-- for how many days a suspended one must have money, and whether an active one is held.
SELECT c.customer_id, c.package_id,
       CASE WHEN c.status = 'suspended' THEN coalesce(f.minimum_validity_days, 1) ELSE 1 END,
       CASE WHEN c.status = 'active' AND c.suspension_hold_until > %(now)s THEN c.suspension_hold_until END,
       coalesce(f.auto_suspend, true)
  FROM customer c
  JOIN package p ON p.package_id = c.package_id AND p.billing = 'daily'
  LEFT JOIN billing_profile f ON f.profile_id = c.profile_id
 WHERE c.customer_id = ANY (%(customer_ids)s) AND c.status = ANY (%(statuses)s)
   AND NOT EXISTS (SELECT FROM service_day d WHERE d.customer_id = c.customer_id AND d.service_date = %(day)s)
 ORDER BY c.customer_id

-- insert_service_days --
-- The service days of a batch, each with its bill and entry.
INSERT INTO service_day (customer_id, service_date, amount, bill_id, entry_id)
SELECT customer_id, %(day)s, amount, bill_id, entry_id
  FROM unnest(%(customer_id)s::bigint[], %(amount)s::numeric[], %(bill_id)s::bigint[], %(entry_id)s::bigint[])
       AS d (customer_id, amount, bill_id, entry_id)

-- insert_owed_days --
-- The service day that bills of what is owed for it are for.
INSERT INTO service_day (customer_id, service_date, amount, bill_id, entry_id)
SELECT b.customer_id, %(day)s, b.gross, b.bill_id, e.entry_id
  FROM bill b
  JOIN ledger_entry e ON e.customer_id = b.customer_id AND e.idempotency_key = 'bill:owed_day:' || b.subject
 WHERE b.customer_id = ANY (%(customer_ids)s) AND b.kind = 'owed_day' AND b.subject = (%(day)s::date)::text

-- read_holds --
-- Of these customers those who are not to be suspended yet: until when, and whether by
-- their profile they are at all.
SELECT c.customer_id, c.suspension_hold_until, coalesce(f.auto_suspend, true)
  FROM customer c LEFT JOIN billing_profile f ON f.profile_id = c.profile_id
 WHERE c.customer_id = ANY (%(customer_ids)s) AND c.status = 'active' AND c.suspension_hold_until > %(now)s

-- has_finished_run --
-- Whether a run as of this moment or later came to its end.
SELECT EXISTS (SELECT FROM billing_run WHERE kind = %(kind)s AND as_of >= %(since)s AND finished_at IS NOT NULL)
