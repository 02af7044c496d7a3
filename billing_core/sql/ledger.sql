-- insert_entry --
-- One ledger entry; no row back = the outside world told this event before.
INSERT INTO ledger_entry (customer_id, kind, occurred_at, idempotency_key, actor, note, reverses_entry_id)
VALUES (%(customer_id)s, %(kind)s, %(occurred_at)s, %(idempotency_key)s, %(actor)s, %(note)s, %(reverses_entry_id)s)
ON CONFLICT ON CONSTRAINT ledger_entry_key_unique DO NOTHING
RETURNING entry_id

-- insert_postings --
-- All legs of one entry, in one statement: the database checks them as a whole.
INSERT INTO posting (customer_id, entry_id, line_no, ledger_account, amount)
SELECT %(customer_id)s, %(entry_id)s, line_no, ledger_account, amount
  FROM unnest(%(accounts)s::text[], %(amounts)s::numeric[]) WITH ORDINALITY AS l (ledger_account, amount, line_no)

-- find_entry --
-- The entry that an event made when it was told first.
SELECT entry_id, kind FROM ledger_entry
 WHERE customer_id = %(customer_id)s AND idempotency_key = %(idempotency_key)s

-- read_postings --
-- The legs of an entry.
SELECT ledger_account, amount FROM posting
 WHERE customer_id = %(customer_id)s AND entry_id = %(entry_id)s ORDER BY line_no

-- list_entries --
-- A customer's entries, newest first, with what each did to the wallet.
SELECT e.entry_id, e.kind, e.occurred_at, e.actor, e.note,
       coalesce(-sum(p.amount) FILTER (WHERE p.ledger_account = 'wallet'), 0) AS wallet_change
  FROM ledger_entry e
  LEFT JOIN posting p ON p.customer_id = e.customer_id AND p.entry_id = e.entry_id
 WHERE e.customer_id = %(customer_id)s
 GROUP BY e.customer_id, e.entry_id
 ORDER BY e.entry_id DESC LIMIT %(limit)s

-- insert_payment --
-- Money that came in, with the entry it made.
INSERT INTO payment (customer_id, method, amount, received_at, operator, note, entry_id, discount, fee, attempt_id)
VALUES (%(customer_id)s, %(method)s, %(amount)s, %(received_at)s, %(operator)s, %(note)s, %(entry_id)s, %(discount)s,
        %(fee)s, %(attempt_id)s)
RETURNING payment_id

-- insert_bill --
-- A bill that the wallet settled at once.
INSERT INTO bill (customer_id, kind, period_start, period_end, issued_at, net, vat, gross, paid, status, subject)
VALUES (%(customer_id)s, %(kind)s, %(period_start)s, %(period_end)s, %(issued_at)s, %(net)s, %(vat)s,
        %(gross)s, %(gross)s, 'paid', %(subject)s)
RETURNING bill_id

-- find_bill --
-- The bill of a session, purchase or service day, if there is one.
SELECT bill_id FROM bill
 WHERE customer_id = %(customer_id)s AND kind = %(kind)s AND subject = %(subject)s

-- insert_bill_line --
-- One line of a bill.
INSERT INTO bill_line (customer_id, bill_id, line_no, description, quantity, unit, net, vat_percent, vat, gross)
VALUES (%(customer_id)s, %(bill_id)s, %(line_no)s, %(description)s, %(quantity)s, %(unit)s, %(net)s,
        %(vat_percent)s, %(vat)s, %(gross)s)

-- list_bills --
-- A customer's bills, newest first.
SELECT bill_id, number, kind, period_start, period_end, issued_at, due_at, net, vat, gross, paid, status, subject
  FROM bill WHERE customer_id = %(customer_id)s ORDER BY bill_id DESC LIMIT %(limit)s

-- list_bill_lines --
-- The lines of a customer's newest bills.
SELECT bill_id, line_no, description, quantity, unit, net, vat_percent, vat, gross
  FROM bill_line WHERE customer_id = %(customer_id)s AND bill_id = ANY (%(bill_ids)s)
 ORDER BY bill_id, line_no
