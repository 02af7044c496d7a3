-- find_numbered --
-- The bill that bears a number, or that a credit note of this number is on.
SELECT customer_id, bill_id FROM bill_number WHERE number = %(number)s

-- find_by_id --
-- The bill with this id: by its number, or among the few that have none yet.
SELECT customer_id, bill_id FROM bill_number WHERE bill_id = %(bill_id)s
UNION ALL
SELECT customer_id, bill_id FROM bill WHERE bill_id = %(bill_id)s AND number IS NULL

-- read_bill --
-- A bill with what was credited of it.
SELECT b.customer_id, c.username, b.bill_id, b.number, b.kind, b.subject, b.period_start, b.period_end,
       b.issued_at, b.due_at, b.suspend_at, b.net, b.vat, b.gross, b.paid, b.status, b.voided_at, b.void_reason,
       coalesce(n.net, 0.00) AS credited_net, coalesce(n.vat, 0.00) AS credited_vat,
       coalesce(n.gross, 0.00) AS credited
  FROM bill b
  JOIN customer c ON c.customer_id = b.customer_id
  CROSS JOIN (SELECT sum(net) AS net, sum(vat) AS vat, sum(gross) AS gross FROM credit_note
               WHERE customer_id = %(customer_id)s AND bill_id = %(bill_id)s) n
 WHERE b.customer_id = %(customer_id)s AND b.bill_id = %(bill_id)s

-- list_allocations --
-- What was paid of a bill, by which entry; below zero what was taken back.
SELECT a.entry_id, e.kind, e.occurred_at, e.actor, e.note, a.amount
  FROM bill_allocation a
  JOIN ledger_entry e ON e.customer_id = a.customer_id AND e.entry_id = a.entry_id
 WHERE a.customer_id = %(customer_id)s AND a.bill_id = %(bill_id)s
 ORDER BY a.entry_id

-- list_credit_notes --
-- The credit notes on a bill.
SELECT number, issued_at, net, vat, gross, reason, credited_from, entry_id FROM credit_note
 WHERE customer_id = %(customer_id)s AND bill_id = %(bill_id)s ORDER BY credit_note_id

-- insert_credit_note --
-- A credit note, with the entry that gave the credit.
INSERT INTO credit_note (customer_id, bill_id, number, issued_at, net, vat, gross, reason, entry_id, credited_from)
VALUES (%(customer_id)s, %(bill_id)s, %(number)s, %(now)s, %(net)s, %(vat)s, %(gross)s, %(reason)s, %(entry_id)s,
        %(credited_from)s)

-- insert_number --
-- The way from a credit note's number to its bill.
INSERT INTO bill_number (number, customer_id, bill_id) VALUES (%(number)s, %(customer_id)s, %(bill_id)s)

-- void_bill --
-- A bill that is no debt any more, and why.
UPDATE bill SET status = 'void', paid = 0, voided_at = %(now)s, void_reason = %(reason)s
 WHERE customer_id = %(customer_id)s AND bill_id = %(bill_id)s

-- insert_allocation --
-- What an entry pays of a bill, or takes back.
INSERT INTO bill_allocation (customer_id, bill_id, entry_id, amount)
VALUES (%(customer_id)s, %(bill_id)s, %(entry_id)s, %(amount)s)

-- list_open_bill_ids --
-- A customer's open bills.
SELECT bill_id FROM bill WHERE customer_id = %(customer_id)s AND status IN ('unpaid', 'partial') ORDER BY bill_id

-- count_bills --
-- Bills of one kind about one subject, each told apart by what follows the stroke.
SELECT count(*) FROM bill
 WHERE customer_id = %(customer_id)s AND kind = %(kind)s AND split_part(subject, '/', 1) = %(subject)s

-- list_settlements --
-- What the wallet paid of bills and was not taken back, newest first.
SELECT a.entry_id, a.bill_id, a.amount
  FROM bill_allocation a
  JOIN bill b ON b.customer_id = a.customer_id AND b.bill_id = a.bill_id AND b.status <> 'void'
  JOIN ledger_entry e ON e.customer_id = a.customer_id AND e.entry_id = a.entry_id AND e.kind = 'settlement'
 WHERE a.customer_id = %(customer_id)s
   AND NOT EXISTS (SELECT FROM ledger_entry r
                    WHERE r.customer_id = a.customer_id AND r.reverses_entry_id = a.entry_id)
 ORDER BY a.entry_id DESC

-- find_credit_note --
-- The credit note that this key made.
SELECT n.number
  FROM ledger_entry e JOIN credit_note n ON n.customer_id = e.customer_id AND n.entry_id = e.entry_id
 WHERE e.customer_id = %(customer_id)s AND e.idempotency_key = %(key)s

-- read_entry_kind --
-- What an entry is.
SELECT kind FROM ledger_entry WHERE customer_id = %(customer_id)s AND entry_id = %(entry_id)s
