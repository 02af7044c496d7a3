-- read_customer_paper --
-- What is printed of a customer.
SELECT customer_id, username, name, mobile, address, language FROM customer WHERE customer_id = %(customer_id)s

-- read_bill_paper --
-- A bill as it is printed, with the VAT number of the profile that it was made under.
SELECT c.customer_id, c.username, c.name, c.mobile, c.address, c.language, b.bill_id, b.number, b.period_start,
       b.period_end, b.issued_at, b.due_at, b.net, b.vat, b.gross, b.voided_at,
       coalesce(v.registration_number, '') AS registration_number
  FROM bill b
  JOIN customer c ON c.customer_id = b.customer_id
  LEFT JOIN billing_profile f ON f.profile_id = coalesce(b.profile_id, c.profile_id)
  LEFT JOIN vat_profile v ON v.vat_profile_id = f.vat_profile_id
 WHERE b.customer_id = %(customer_id)s AND b.bill_id = %(bill_id)s

-- list_paper_lines --
-- The lines of a bill.
SELECT description, quantity, unit, net, vat_percent, vat, gross FROM bill_line
 WHERE customer_id = %(customer_id)s AND bill_id = %(bill_id)s ORDER BY line_no

-- find_credit_note_paper --
-- A credit note on a bill by its number, as it is printed.
SELECT c.customer_id, c.username, c.name, c.mobile, c.address, c.language, n.number, n.issued_at, n.net, n.vat,
       n.gross, n.reason, coalesce(b.number, b.bill_id::text) AS bill_number, b.issued_at AS bill_issued_at,
       coalesce(v.registration_number, '') AS registration_number
  FROM credit_note n
  JOIN bill b ON b.customer_id = n.customer_id AND b.bill_id = n.bill_id
  JOIN customer c ON c.customer_id = n.customer_id
  LEFT JOIN billing_profile f ON f.profile_id = coalesce(b.profile_id, c.profile_id)
  LEFT JOIN vat_profile v ON v.vat_profile_id = f.vat_profile_id
 WHERE n.customer_id = %(customer_id)s AND n.bill_id = %(bill_id)s AND n.number = %(number)s

-- find_document --
-- A document that was made before.
SELECT kind, subject, language, template_version, content, encode(sha256, 'hex') AS sha256, made_at, made_by
  FROM document
 WHERE customer_id = %(customer_id)s AND kind = %(kind)s AND subject = %(subject)s AND standing = %(standing)s
   AND language = %(language)s

-- insert_document --
-- A document, unless somebody made it in the meantime.
INSERT INTO document (customer_id, kind, subject, standing, language, template_version, content, sha256, made_at,
                      made_by)
VALUES (%(customer_id)s, %(kind)s, %(subject)s, %(standing)s, %(language)s, %(template_version)s, %(content)s,
        sha256(%(content)s), %(now)s, %(actor)s)
ON CONFLICT DO NOTHING
