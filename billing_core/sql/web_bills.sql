-- list_bills --
-- Bills of a scope's customers that a filter leaves, newest first, after one of them.
-- Each has its customer: LEFT lets the planner leave him out where nothing asks for him.
SELECT b.customer_id, b.bill_id, b.number, b.kind, b.period_start, b.period_end, b.issued_at, b.due_at, b.net, b.vat,
       b.gross, b.paid, CASE b.status WHEN 'void' THEN 0.00 ELSE b.gross - b.paid END AS open_amount, b.status,
       b.suspend_at, c.username, c.name, c.mobile, c.zone, p.name AS package, o.username AS operator
  FROM bill b
  LEFT JOIN customer c ON c.customer_id = b.customer_id
  LEFT JOIN package p ON p.package_id = coalesce(b.package_id, c.package_id)
  LEFT JOIN operator o ON o.operator_id = c.operator_id
 WHERE (%(scope)s::bigint[] IS NULL OR c.operator_id = ANY(%(scope)s))
   AND (%(after_time)s::timestamptz IS NULL OR (b.issued_at, b.bill_id) < (%(after_time)s, %(after_id)s::bigint))
   AND (%(words)s::text IS NULL OR customer_words(c.username, c.name, c.mobile) LIKE %(words)s)
   -- One by one: a pair IN a SELECT behind OR is looked up for each bill there is.
   AND (%(number)s::text IS NULL
        OR b.customer_id = (SELECT n.customer_id FROM bill_number n WHERE n.number = %(number)s)
       AND b.bill_id = (SELECT n.bill_id FROM bill_number n WHERE n.number = %(number)s))
   AND (%(customer_id)s::bigint IS NULL OR b.customer_id = %(customer_id)s)
   AND (NOT %(is_open)s OR b.status IN ('unpaid', 'partial'))
   AND (NOT %(is_valid)s OR b.status <> 'void')
   AND (%(status)s::text IS NULL OR b.status = %(status)s)
   AND (%(overdue_at)s::timestamptz IS NULL OR b.status IN ('unpaid', 'partial') AND b.due_at < %(overdue_at)s)
   AND (%(kind)s::text IS NULL OR b.kind = %(kind)s)
   AND (%(package_id)s::bigint IS NULL OR coalesce(b.package_id, c.package_id) = %(package_id)s)
   AND (%(operator_id)s::bigint IS NULL OR (%(operator_id)s = 0 AND c.operator_id IS NULL)
        OR c.operator_id = %(operator_id)s)
   AND (%(zone)s::text IS NULL OR c.zone = %(zone)s)
   AND (%(issued_from)s::timestamptz IS NULL OR b.issued_at >= %(issued_from)s)
   AND (%(issued_until)s::timestamptz IS NULL OR b.issued_at < %(issued_until)s)
   -- Some of what it bills is of these days.
   AND (%(period_from)s::timestamptz IS NULL OR greatest(b.period_end, b.period_start + interval '1 microsecond') > %(period_from)s)
   AND (%(period_until)s::timestamptz IS NULL OR b.period_start < %(period_until)s)
   AND (%(due_from)s::timestamptz IS NULL OR b.due_at >= %(due_from)s)
   AND (%(due_until)s::timestamptz IS NULL OR b.due_at < %(due_until)s)
 ORDER BY b.issued_at DESC, b.bill_id DESC LIMIT %(limit)s

-- total_bills --
-- How many bills the filter leaves and what they come to; counted up to the limit. What
-- is void is no debt and counts as nothing.
SELECT count(*) AS bills, coalesce(sum(gross) FILTER (WHERE status <> 'void'), 0) AS gross,
       coalesce(sum(paid) FILTER (WHERE status <> 'void'), 0) AS paid, coalesce(sum(open_amount), 0) AS open_amount
  FROM ({filtered}) AS filtered

-- read_bill_row --
-- One bill as a list shows it.
SELECT b.customer_id, b.bill_id, b.number, b.kind, b.period_start, b.period_end, b.issued_at, b.due_at, b.net, b.vat,
       b.gross, b.paid, CASE b.status WHEN 'void' THEN 0.00 ELSE b.gross - b.paid END AS open_amount, b.status,
       b.suspend_at, c.username, c.name, c.mobile, c.zone, p.name AS package, o.username AS operator
  FROM bill b
  JOIN customer c ON c.customer_id = b.customer_id
  LEFT JOIN package p ON p.package_id = coalesce(b.package_id, c.package_id)
  LEFT JOIN operator o ON o.operator_id = c.operator_id
 WHERE b.customer_id = %(customer_id)s AND b.bill_id = %(bill_id)s

-- list_bill_history --
-- What paid a bill and what was taken off it, in order.
SELECT a.entry_id, e.kind, e.occurred_at, e.actor, e.note, a.amount
  FROM bill_allocation a
  JOIN ledger_entry e ON e.customer_id = a.customer_id AND e.entry_id = a.entry_id
 WHERE a.customer_id = %(customer_id)s AND a.bill_id = %(bill_id)s
 ORDER BY a.entry_id

-- list_credit_notes --
-- The credit notes of a bill.
SELECT number, issued_at, net, vat, gross, reason FROM credit_note
 WHERE customer_id = %(customer_id)s AND bill_id = %(bill_id)s ORDER BY credit_note_id

-- move_due --
-- Another due date for an open bill; what is suspended over it moves with it.
UPDATE bill SET due_at = %(due_at)s, suspend_at = suspend_at + (%(due_at)s - due_at)
 WHERE customer_id = %(customer_id)s AND bill_id = %(bill_id)s AND status IN ('unpaid', 'partial')
   AND due_at IS NOT NULL
