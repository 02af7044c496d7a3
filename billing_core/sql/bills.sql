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

-- add_due --
-- What came onto or went off the open bills of wallets.
UPDATE wallet w SET due = w.due + d.amount
  FROM (SELECT customer_id, sum(amount) AS amount
          FROM unnest(%(customer_id)s::bigint[], %(amount)s::numeric[]) AS u (customer_id, amount)
         GROUP BY customer_id) d
 WHERE w.customer_id = d.customer_id

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
