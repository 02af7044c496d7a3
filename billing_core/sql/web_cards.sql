-- list_batches --
-- Batches of a scope's distributors, newest first, and what became of their cards.
SELECT b.batch_id, b.serial_first, b.serial_last, b.face_value, p.name AS package, b.commission, b.distributor,
       b.expires_at, b.created_at, b.created_by, b.printed_at, b.printed_by, n.generated, n.active, n.used, n.expired,
       n.void
  FROM (SELECT batch_id, serial_first, serial_last, face_value, package_id, commission, distributor, expires_at,
               created_at, created_by, printed_at, printed_by
          FROM card_batch
         WHERE (%(distributors)s::text[] IS NULL OR distributor = ANY(%(distributors)s))
           AND (%(distributor)s::text IS NULL OR distributor = %(distributor)s)
           AND (%(batch_id)s::bigint IS NULL OR batch_id = %(batch_id)s)
           AND (%(after)s::bigint IS NULL OR batch_id < %(after)s)
         ORDER BY batch_id DESC LIMIT %(limit)s) b
  LEFT JOIN package p ON p.package_id = b.package_id
 CROSS JOIN LATERAL (SELECT coalesce(b.expires_at <= %(now)s, false) AS expired) e
 CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE c.state = 'generated' AND NOT e.expired) AS generated,
                            count(*) FILTER (WHERE c.state = 'active' AND NOT e.expired) AS active,
                            count(*) FILTER (WHERE c.state = 'used') AS used,
                            count(*) FILTER (WHERE c.state IN ('generated', 'active') AND e.expired) AS expired,
                            count(*) FILTER (WHERE c.state = 'void') AS void
                       FROM card c WHERE c.batch_id = b.batch_id) n
 ORDER BY b.batch_id DESC

-- list_cards --
-- Cards of a scope's distributors, newest first, before a serial.
SELECT c.serial, c.batch_id, s.state, b.face_value, p.name AS package, b.commission, b.distributor, b.expires_at,
       b.created_at, c.activated_at, c.used_at, u.username AS used_by
  FROM card c
  JOIN card_batch b ON b.batch_id = c.batch_id
  LEFT JOIN package p ON p.package_id = b.package_id
  LEFT JOIN customer u ON u.customer_id = c.used_by
 CROSS JOIN LATERAL (SELECT CASE WHEN c.state IN ('generated', 'active') AND b.expires_at <= %(now)s
                                 THEN 'expired' ELSE c.state END AS state) s
 WHERE (%(distributors)s::text[] IS NULL OR b.distributor = ANY(%(distributors)s))
   AND (%(after)s::bigint IS NULL OR c.serial < %(after)s)
   AND (%(serial)s::bigint IS NULL OR c.serial = %(serial)s)
   AND (%(batch_id)s::bigint IS NULL OR c.batch_id = %(batch_id)s)
   AND (%(distributor)s::text IS NULL OR b.distributor = %(distributor)s)
   AND (%(state)s::text IS NULL OR s.state = %(state)s)
 ORDER BY c.serial DESC LIMIT %(limit)s

-- count_cards_of_others --
-- How many cards of a range are not of these distributors.
SELECT count(*) FROM card_batch b
 WHERE int8range(b.serial_first, b.serial_last, '[]') && int8range(%(first)s, %(last)s, '[]')
   AND NOT b.distributor = ANY(%(distributors)s::text[])

-- list_range_events --
-- What was done to the cards of a range, newest first.
SELECT at, actor, what, serial_first, serial_last, cards, note FROM card_event
 WHERE int8range(serial_first, serial_last, '[]') && int8range(%(first)s, %(last)s, '[]')
 ORDER BY event_id DESC LIMIT %(limit)s

-- list_tries --
-- Tries of PINs by a scope's customers, newest first.
SELECT t.at, t.try_id, t.customer_id, c.username, t.outcome, t.serial, host(t.client_address) AS client_address,
       t.distributor, t.actor
  FROM card_try t
  JOIN customer c ON c.customer_id = t.customer_id
 WHERE (%(scope)s::bigint[] IS NULL OR c.operator_id = ANY(%(scope)s))
   AND (%(after_at)s::timestamptz IS NULL OR (t.at <= %(after_at)s
        AND (t.at, t.try_id) < (%(after_at)s, %(after_id)s::bigint)))
   AND (%(outcome)s::text IS NULL OR t.outcome = %(outcome)s)
   AND (NOT %(bad_only)s OR t.outcome NOT IN ('credited', 'repeated'))
   AND (%(address)s::inet IS NULL OR t.client_address = %(address)s)
   AND (%(customer_id)s::bigint IS NULL OR t.customer_id = %(customer_id)s)
 ORDER BY t.at DESC, t.try_id DESC LIMIT %(limit)s

-- list_locked --
-- Who may not try for a while.
SELECT subject, locked_until, locks FROM card_guard WHERE locked_until > %(now)s ORDER BY locked_until DESC LIMIT 100

-- read_sales --
-- What became of a distributor's cards, and what of it is his.
SELECT count(*) FILTER (WHERE c.state = 'active' AND NOT e.expired) AS active,
       count(*) FILTER (WHERE c.state = 'used') AS used,
       coalesce(sum(b.face_value) FILTER (WHERE c.state = 'active' AND NOT e.expired), 0) AS active_value,
       coalesce(sum(b.face_value) FILTER (WHERE c.state = 'used'), 0) AS used_value,
       coalesce(sum(b.commission) FILTER (WHERE c.state = 'used'), 0) AS commission
  FROM card_batch b
  JOIN card c ON c.batch_id = b.batch_id
 CROSS JOIN LATERAL (SELECT coalesce(b.expires_at <= %(now)s, false) AS expired) e
 WHERE b.distributor = %(distributor)s

-- list_sold --
-- Cards of a distributor that were used, newest first.
SELECT c.serial, c.used_at, u.username AS used_by, b.face_value, b.commission, p.name AS package
  FROM card c
  JOIN card_batch b ON b.batch_id = c.batch_id
  JOIN customer u ON u.customer_id = c.used_by
  LEFT JOIN package p ON p.package_id = b.package_id
 WHERE b.distributor = %(distributor)s AND c.state = 'used'
 ORDER BY c.used_at DESC LIMIT %(limit)s

-- list_shop_scope --
-- Whose customers a shop serves: those of the operator it works for, and of his below.
WITH RECURSIVE below AS (
    SELECT parent_id AS operator_id FROM operator WHERE operator_id = %(operator_id)s
    UNION SELECT o.operator_id FROM operator o JOIN below b ON o.parent_id = b.operator_id)
SELECT operator_id FROM below WHERE operator_id IS NOT NULL
