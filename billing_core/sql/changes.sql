-- read_facts --
-- What decides the bills of one locked customer, and who he is.
SELECT username, kind, package_id, profile_id, status, paused_at IS NOT NULL, special_price, discount_percent,
       activated_at, billed_until
  FROM customer WHERE customer_id = %(customer_id)s

-- read_billed_parts --
-- Bills of these kinds for time that is not over, less what was credited of them.
SELECT b.bill_id, b.period_start, coalesce(n.credited_from, b.period_end), b.gross - coalesce(n.gross, 0),
       l.vat_percent
  FROM bill b
  JOIN bill_line l ON l.customer_id = b.customer_id AND l.bill_id = b.bill_id AND l.line_no = 1
  LEFT JOIN (SELECT bill_id, min(credited_from) AS credited_from, sum(gross) AS gross
               FROM credit_note WHERE customer_id = %(customer_id)s GROUP BY bill_id) n ON n.bill_id = b.bill_id
 WHERE b.customer_id = %(customer_id)s AND b.kind = ANY (%(kinds)s) AND b.status <> 'void'
   AND coalesce(n.credited_from, b.period_end) > greatest(b.period_start, %(now)s)
   AND b.gross > coalesce(n.gross, 0)
 ORDER BY b.period_start

-- read_ended_stretches --
-- Time that no cycle bill covered, of all his time.
SELECT started_at, ended_at FROM unbilled_stretch
 WHERE customer_id = %(customer_id)s AND ended_at IS NOT NULL ORDER BY started_at

-- set_terms --
-- What a customer is on from now, and up to where he is billed; a person has looked.
UPDATE customer SET package_id = %(package_id)s, profile_id = %(profile_id)s, special_price = %(special_price)s,
       billed_until = %(billed_until)s, parked_reason = NULL
 WHERE customer_id = %(customer_id)s

-- leave_out --
-- Time that a change charged: no cycle bill may charge it again.
INSERT INTO unbilled_stretch (customer_id, started_at, ended_at, reason)
SELECT %(customer_id)s, started_at, ended_at, 'charged'
  FROM unnest(%(started_at)s::timestamptz[], %(ended_at)s::timestamptz[]) AS s (started_at, ended_at)

-- set_special_price --
-- The price of a whole cycle for this customer alone; NULL = the package's.
UPDATE customer SET special_price = %(special_price)s WHERE customer_id = %(customer_id)s

-- set_discount --
-- Percent off each cycle.
UPDATE customer SET discount_percent = %(percent)s WHERE customer_id = %(customer_id)s
