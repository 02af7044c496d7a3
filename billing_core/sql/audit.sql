-- unbalanced_entries --
-- Ledger entries whose postings do not sum to zero, or that have none.
SELECT e.customer_id, 'entry ' || e.entry_id || ' sums to ' || coalesce(sum(p.amount), 0) || ' over '
       || count(p.amount) || ' postings'
  FROM ledger_entry e
  LEFT JOIN posting p ON p.customer_id = e.customer_id AND p.entry_id = e.entry_id
 GROUP BY e.customer_id, e.entry_id
HAVING coalesce(sum(p.amount), 0) <> 0 OR count(p.amount) < 2
 LIMIT %(limit)s

-- postings_without_entry --
-- Postings that belong to no entry.
SELECT p.customer_id, 'entry ' || p.entry_id || ' of a posting does not exist'
  FROM posting p
 WHERE NOT EXISTS (SELECT FROM ledger_entry e WHERE e.customer_id = p.customer_id AND e.entry_id = p.entry_id)
 LIMIT %(limit)s

-- wallets_unlike_postings --
-- Wallets that are not the sum of their postings.
SELECT w.customer_id, 'wallet has ' || w.posted || ', its postings sum to ' || coalesce(p.total, 0)
  FROM wallet w
  LEFT JOIN (SELECT customer_id, -sum(amount) AS total FROM posting WHERE ledger_account = 'wallet'
              GROUP BY customer_id) p ON p.customer_id = w.customer_id
 WHERE w.posted <> coalesce(p.total, 0)
 LIMIT %(limit)s

-- reserved_unlike_reservations --
-- Wallets whose reserved money is not what their open reservations hold.
SELECT w.customer_id, 'wallet has ' || w.reserved || ' reserved, its reservations hold ' || coalesce(r.total, 0)
  FROM wallet w
  LEFT JOIN (SELECT customer_id, sum(held) AS total FROM reservation WHERE state = 'open'
              GROUP BY customer_id) r ON r.customer_id = w.customer_id
 WHERE w.reserved <> coalesce(r.total, 0)
 LIMIT %(limit)s

-- reservations_of_ended_sessions --
-- Open reservations whose session has ended: money held for nothing.
SELECT r.customer_id, 'reservation ' || r.reservation_id || ' holds ' || r.held || ' for ended session ' || r.session_id
  FROM reservation r
  JOIN acct_session s ON s.customer_id = r.customer_id AND s.session_id = r.session_id
 WHERE r.state = 'open' AND s.ended_at IS NOT NULL
 LIMIT %(limit)s

-- sessions_unlike_charges --
-- Sessions whose charged amount is not what the ledger charged them.
SELECT s.customer_id, 'session ' || s.session_id || ' says ' || s.charged || ' charged, the ledger '
       || coalesce(e.total, 0)
  FROM (SELECT customer_id, session_id, charged FROM acct_session WHERE charged <> 0) s
  FULL JOIN (SELECT e.customer_id, split_part(e.idempotency_key, ':', 2)::bigint AS session_id,
                    sum(p.amount) AS total
               FROM ledger_entry e
               JOIN posting p ON p.customer_id = e.customer_id AND p.entry_id = e.entry_id
                    AND p.ledger_account = 'wallet'
              WHERE e.kind = 'session_charge' GROUP BY 1, 2) e
    ON e.customer_id = s.customer_id AND e.session_id = s.session_id
 WHERE coalesce(s.charged, 0) <> coalesce(e.total, 0)
 LIMIT %(limit)s

-- sessions_unlike_bills --
-- Sessions whose billed amount is not what their bills say.
SELECT s.customer_id, 'session ' || s.session_id || ' says ' || s.billed || ' billed, its bills ' || coalesce(b.total, 0)
  FROM (SELECT customer_id, session_id, billed FROM acct_session WHERE billed <> 0) s
  LEFT JOIN (SELECT customer_id, split_part(subject, '+', 1)::bigint AS session_id, sum(gross) AS total
               FROM bill WHERE kind = 'session' AND status <> 'void' GROUP BY 1, 2) b
    ON b.customer_id = s.customer_id AND b.session_id = s.session_id
 WHERE s.billed <> coalesce(b.total, 0)
 LIMIT %(limit)s

-- bills_unlike_lines --
-- Bills that are not the sum of their lines.
SELECT b.customer_id, 'bill ' || b.bill_id || ' is ' || b.gross || ', its lines sum to ' || coalesce(sum(l.gross), 0)
  FROM bill b
  LEFT JOIN bill_line l ON l.customer_id = b.customer_id AND l.bill_id = b.bill_id
 GROUP BY b.customer_id, b.bill_id
HAVING b.gross <> coalesce(sum(l.gross), 0) OR b.vat <> coalesce(sum(l.vat), 0)
 LIMIT %(limit)s

-- days_without_bill --
-- Service days without their bill or ledger entry.
SELECT d.customer_id, 'service day ' || d.service_date || ' lacks its bill or entry'
  FROM service_day d
 WHERE NOT EXISTS (SELECT FROM bill b WHERE b.customer_id = d.customer_id AND b.bill_id = d.bill_id
                    AND b.gross = d.amount)
    OR NOT EXISTS (SELECT FROM ledger_entry e WHERE e.customer_id = d.customer_id AND e.entry_id = d.entry_id)
 LIMIT %(limit)s

-- too_many_sessions --
-- Customers with more running sessions than they may have.
SELECT c.customer_id, c.username || ' has ' || count(*) || ' running sessions, allowed '
       || coalesce(c.sessions_allowed, p.sessions_allowed)
  FROM acct_session s
  JOIN customer c ON c.customer_id = s.customer_id
  JOIN package p ON p.package_id = c.package_id
 WHERE s.ended_at IS NULL AND s.accepted_at IS NOT NULL
 GROUP BY c.customer_id, c.username, c.sessions_allowed, p.sessions_allowed
HAVING count(*) > coalesce(c.sessions_allowed, p.sessions_allowed)
 LIMIT %(limit)s

-- quotas_unlike_sessions --
-- Packages whose used time or data is not what their sessions counted.
SELECT u.customer_id, 'package ' || u.subscription_id || ' says ' || u.seconds_used || ' s and ' || u.octets_used
       || ' octets used, its sessions ' || coalesce(s.seconds, 0) || ' s and ' || coalesce(s.octets, 0)
  FROM subscription u
  JOIN package p ON p.package_id = u.package_id AND p.billing = 'package'
  LEFT JOIN (SELECT customer_id, subscription_id, sum(counted_seconds) AS seconds, sum(counted_octets) AS octets
               FROM acct_session WHERE subscription_id IS NOT NULL GROUP BY 1, 2) s
    ON s.customer_id = u.customer_id AND s.subscription_id = u.subscription_id
 WHERE u.seconds_used <> coalesce(s.seconds, 0) OR u.octets_used <> coalesce(s.octets, 0)
 LIMIT %(limit)s

-- overdrawn_wallets --
-- Wallets below what they may owe: usage between two reports of a NAS that kept no limit.
-- Not an error of the books; reported, so that it is seen and bounded.
SELECT customer_id, 'wallet is overdrawn by ' || -(posted - reserved + credit_limit)
  FROM wallet WHERE posted - reserved + credit_limit < 0
 LIMIT %(limit)s

-- dues_unlike_bills --
-- Wallets whose due amount is not what is open on their bills.
SELECT w.customer_id, 'wallet says ' || w.due || ' due, the open bills ' || coalesce(b.total, 0)
  FROM wallet w
  LEFT JOIN (SELECT customer_id, sum(gross - paid) AS total FROM bill WHERE status IN ('unpaid', 'partial')
              GROUP BY customer_id) b ON b.customer_id = w.customer_id
 WHERE w.due <> coalesce(b.total, 0)
 LIMIT %(limit)s

-- receivables_unlike_dues --
-- Customers whose receivable in the ledger is not what they owe on bills.
SELECT w.customer_id, 'the ledger has ' || coalesce(p.total, 0) || ' receivable, the wallet ' || w.due || ' due'
  FROM wallet w
  LEFT JOIN (SELECT customer_id, sum(amount) AS total FROM posting WHERE ledger_account = 'receivable'
              GROUP BY customer_id) p ON p.customer_id = w.customer_id
 WHERE w.due <> coalesce(p.total, 0)
 LIMIT %(limit)s

-- bills_unlike_allocations --
-- Bills of cycles and charges whose paid amount is not what was allocated to them; what was
-- paid of a void one was taken back.
SELECT b.customer_id, 'bill ' || b.bill_id || ' has ' || b.paid || ' paid, its allocations ' || coalesce(sum(a.amount), 0)
  FROM bill b
  LEFT JOIN bill_allocation a ON a.customer_id = b.customer_id AND a.bill_id = b.bill_id
 WHERE b.kind NOT IN ('service_day', 'session', 'package')
 GROUP BY b.customer_id, b.bill_id
HAVING b.paid <> coalesce(sum(a.amount), 0)
 LIMIT %(limit)s

-- bills_unlike_entries --
-- Bills of cycles and charges that are not the debt that their ledger entry says.
SELECT b.customer_id, 'bill ' || b.bill_id || ' is ' || b.gross || ', the ledger made it ' || coalesce(p.amount, 0)
  FROM bill b
  LEFT JOIN ledger_entry e ON e.customer_id = b.customer_id AND e.kind = 'bill'
       AND e.idempotency_key = 'bill:' || b.kind || ':' || b.subject
  LEFT JOIN posting p ON p.customer_id = e.customer_id AND p.entry_id = e.entry_id AND p.ledger_account = 'receivable'
 WHERE b.kind NOT IN ('service_day', 'session', 'package') AND b.gross <> coalesce(p.amount, 0)
 LIMIT %(limit)s

-- voids_unlike_entries --
-- Void bills that the ledger did not take back in full, and bills it took back that stand.
SELECT coalesce(b.customer_id, e.customer_id), 'void bill ' || coalesce(b.bill_id, e.bill_id) || ' is '
       || coalesce(b.gross, 0) || ', the ledger took back ' || coalesce(e.amount, 0)
  FROM (SELECT customer_id, bill_id, gross FROM bill WHERE status = 'void') b
  FULL JOIN (SELECT e.customer_id, split_part(e.idempotency_key, ':', 2)::bigint AS bill_id, -sum(p.amount) AS amount
               FROM ledger_entry e
               JOIN posting p ON p.customer_id = e.customer_id AND p.entry_id = e.entry_id
                    AND p.ledger_account IN ('receivable', 'wallet')
              WHERE e.kind = 'bill_void' GROUP BY 1, 2) e
    ON e.customer_id = b.customer_id AND e.bill_id = b.bill_id
 WHERE coalesce(b.gross, 0) <> coalesce(e.amount, 0)
 LIMIT %(limit)s

-- credit_notes_unlike_entries --
-- Credit notes whose ledger entry gave another amount or VAT, and credits without their note.
SELECT coalesce(n.customer_id, e.customer_id), 'credit note ' || coalesce(n.number, '?') || ' is '
       || coalesce(n.gross, 0) || ', its entry gave ' || coalesce(e.amount, 0)
  FROM credit_note n
  FULL JOIN (SELECT e.customer_id, e.entry_id,
                    -sum(p.amount) FILTER (WHERE p.ledger_account IN ('receivable', 'wallet')) AS amount,
                    coalesce(sum(p.amount) FILTER (WHERE p.ledger_account = 'vat_payable'), 0) AS vat
               FROM ledger_entry e
               JOIN posting p ON p.customer_id = e.customer_id AND p.entry_id = e.entry_id
              WHERE e.kind = 'credit_note' GROUP BY 1, 2) e
    ON e.customer_id = n.customer_id AND e.entry_id = n.entry_id
 WHERE n.gross IS DISTINCT FROM e.amount OR n.vat IS DISTINCT FROM e.vat
 LIMIT %(limit)s

-- bills_credited_too_much --
-- Bills of which more was credited than they are, or that are void and credited.
SELECT b.customer_id, 'bill ' || b.bill_id || ' (' || b.status || ') is ' || b.gross || ', credited were ' || n.gross
  FROM (SELECT customer_id, bill_id, sum(gross) AS gross, sum(vat) AS vat FROM credit_note GROUP BY 1, 2) n
  JOIN bill b ON b.customer_id = n.customer_id AND b.bill_id = n.bill_id
 WHERE n.gross > b.gross OR n.vat > b.vat OR b.status = 'void'
 LIMIT %(limit)s

-- refunds_beyond_payments --
-- Payments of which more was given back than came in, or that were taken back besides.
SELECT p.customer_id, 'payment ' || p.payment_id || ' is ' || p.amount || ', given back were ' || f.amount
       || CASE WHEN r.entry_id IS NULL THEN '' ELSE ', and it was reversed' END
  FROM (SELECT customer_id, payment_id, sum(amount) AS amount FROM refund WHERE state <> 'refused' GROUP BY 1, 2) f
  JOIN payment p ON p.customer_id = f.customer_id AND p.payment_id = f.payment_id
  LEFT JOIN ledger_entry r ON r.customer_id = p.customer_id AND r.reverses_entry_id = p.entry_id
 WHERE f.amount > p.amount OR r.entry_id IS NOT NULL
 LIMIT %(limit)s

-- refunds_unlike_entries --
-- Refunds that took another amount out of the wallet than they are, refused ones that did not
-- put it back, and entries of refunds that nothing stands for.
SELECT coalesce(f.customer_id, e.customer_id), 'refund ' || coalesce(f.reference, 'of entry ' || e.entry_id) || ' ('
       || coalesce(f.state, 'unknown') || ') is ' || coalesce(f.amount, 0) || ', its entry took ' || coalesce(e.amount, 0)
       || CASE WHEN e.is_reversed THEN ' and was reversed' ELSE '' END
  FROM refund f
  FULL JOIN (SELECT e.customer_id, e.entry_id, sum(p.amount) AS amount, r.entry_id IS NOT NULL AS is_reversed
               FROM ledger_entry e
               JOIN posting p ON p.customer_id = e.customer_id AND p.entry_id = e.entry_id
                    AND p.ledger_account = 'wallet'
               LEFT JOIN ledger_entry r ON r.customer_id = e.customer_id AND r.reverses_entry_id = e.entry_id
              WHERE e.kind = 'refund' GROUP BY 1, 2, 4) e
    ON e.customer_id = f.customer_id AND e.entry_id = f.entry_id
 WHERE f.amount IS DISTINCT FROM e.amount OR (f.state = 'refused') IS DISTINCT FROM e.is_reversed
 LIMIT %(limit)s

-- cycles_that_overlap --
-- Cycle bills of one customer for the same time, less what was given back of it.
WITH cycle AS (
    SELECT b.customer_id, b.bill_id, b.period_start, coalesce(n.credited_from, b.period_end) AS period_end
      FROM bill b
      LEFT JOIN (SELECT customer_id, bill_id, min(credited_from) AS credited_from FROM credit_note GROUP BY 1, 2) n
        ON n.customer_id = b.customer_id AND n.bill_id = b.bill_id
     WHERE b.kind = 'cycle' AND b.status <> 'void'
)
SELECT a.customer_id, 'bills ' || a.bill_id || ' and ' || b.bill_id || ' are for the same time'
  FROM cycle a
  JOIN cycle b ON b.customer_id = a.customer_id AND b.bill_id > a.bill_id
             AND b.period_start < a.period_end AND a.period_start < b.period_end
 LIMIT %(limit)s

-- cards_unlike_payments --
-- Used cards that have not exactly one payment, of what the card is worth and its distributor keeps.
SELECT c.used_by, 'card ' || c.serial || ' is worth ' || b.face_value || ', it has ' || count(p.payment_id)
       || ' payments of ' || coalesce(sum(p.amount), 0) || ' less ' || coalesce(sum(p.fee), 0)
  FROM card c
  JOIN card_batch b ON b.batch_id = c.batch_id
  LEFT JOIN ledger_entry e ON e.customer_id = c.used_by AND e.idempotency_key = 'card:' || c.serial
  LEFT JOIN payment p ON p.customer_id = e.customer_id AND p.entry_id = e.entry_id AND p.method = 'card'
 WHERE c.state = 'used'
 GROUP BY c.serial, b.batch_id
HAVING count(p.payment_id) <> 1 OR coalesce(sum(p.amount), 0) <> b.face_value OR coalesce(sum(p.fee), 0) <> b.commission
 LIMIT %(limit)s

-- card_payments_without_card --
-- Payments by a card that this customer did not use.
SELECT p.customer_id, 'payment ' || p.payment_id || ' is by ' || coalesce(e.idempotency_key, 'no card')
       || ', which he did not use'
  FROM payment p
  LEFT JOIN ledger_entry e ON e.customer_id = p.customer_id AND e.entry_id = p.entry_id
  LEFT JOIN card c ON 'card:' || c.serial = e.idempotency_key AND c.used_by = p.customer_id AND c.state = 'used'
 WHERE p.method = 'card' AND c.serial IS NULL
 LIMIT %(limit)s

-- attempts_without_payment --
-- Attempts that are paid and have no payment of their customer and gateway, or have one and are not paid.
SELECT coalesce(a.customer_id, p.customer_id), 'attempt ' || coalesce(a.reference, 'unknown') || ' is '
       || coalesce(a.state, 'not there') || ', its payment is ' || coalesce('R' || p.payment_id, 'not there')
  FROM (SELECT attempt_id, customer_id, reference, gateway, state FROM payment_attempt WHERE state = 'paid') a
  FULL JOIN (SELECT customer_id, payment_id, method, attempt_id FROM payment
              WHERE method IN ('bkash', 'nagad', 'sslcommerz', 'transfer')) p
    ON p.attempt_id = a.attempt_id AND p.customer_id = a.customer_id AND p.method = a.gateway
 WHERE a.attempt_id IS NULL OR p.payment_id IS NULL
 LIMIT %(limit)s

-- money_of_another_attempt --
-- Money that was credited to one attempt and stands on another, or on none: it may be credited again.
SELECT a.customer_id, 'attempt ' || a.reference || ' was paid by ' || (t ->> 'kind') || ' ' || (t ->> 'id')
       || ', which is of ' || coalesce('attempt ' || o.reference, 'no attempt')
  FROM payment_attempt a
 CROSS JOIN jsonb_array_elements(a.answer -> 'transactions') t
  LEFT JOIN gateway_transaction g ON g.gateway = a.gateway AND g.kind = t ->> 'kind' AND g.transaction_id = t ->> 'id'
  LEFT JOIN payment_attempt o ON o.attempt_id = g.attempt_id
 WHERE a.state = 'paid' AND g.attempt_id IS DISTINCT FROM a.attempt_id
 LIMIT %(limit)s

-- notices_unlike_attempts --
-- Money that a gateway told of by itself and that counts as credited, without a paid attempt that has it.
SELECT a.customer_id, n.gateway || ' ' || n.transaction_id || ' counts as credited by ' || a.reference || ', which is '
       || a.state || CASE WHEN t.attempt_id IS NULL THEN ' and has other money' ELSE '' END
  FROM gateway_notice n
  JOIN payment_attempt a ON a.attempt_id = n.attempt_id
  LEFT JOIN gateway_transaction t ON t.attempt_id = a.attempt_id AND upper(t.transaction_id) = n.transaction_id
 WHERE n.state = 'credited' AND (a.state <> 'paid' OR t.attempt_id IS NULL)
 LIMIT %(limit)s

-- payments_unlike_postings --
-- Payments by gateway or card whose entry put another amount into the wallet, or booked another fee
-- or commission.
SELECT p.customer_id, 'payment R' || p.payment_id || ' is ' || p.amount || ' (fee ' || p.fee || '), its entry put '
       || coalesce(e.amount, 0) || ' into the wallet (fee ' || coalesce(e.fee, 0) || ')'
  FROM payment p
  LEFT JOIN (SELECT customer_id, entry_id, -sum(amount) FILTER (WHERE ledger_account = 'wallet') AS amount,
                    coalesce(sum(amount) FILTER (WHERE ledger_account IN ('gateway_fee', 'card_commission')), 0) AS fee
               FROM posting GROUP BY 1, 2) e ON e.customer_id = p.customer_id AND e.entry_id = p.entry_id
 WHERE (p.attempt_id IS NOT NULL OR p.method = 'card') AND (e.amount IS DISTINCT FROM p.amount OR e.fee IS DISTINCT FROM p.fee)
 LIMIT %(limit)s

-- day_sums_unlike_bills --
-- Sums by day that are not what the bills and payments of the day come to.
SELECT NULL::bigint, what || ' on ' || day || ', operator ' || operator_id || ', part "' || part || '", kind "' || kind || '": the sum says '
       || coalesce(s.items, 0) || ' of ' || coalesce(s.amount, 0) || ', paid ' || coalesce(s.paid, 0) || '; they are '
       || coalesce(i.items, 0) || ' of ' || coalesce(i.amount, 0) || ', paid ' || coalesce(i.paid, 0)
  FROM (SELECT what, day, operator_id, part, kind, sum(items) AS items, sum(amount) AS amount, sum(paid) AS paid
          FROM day_sum_now GROUP BY 1, 2, 3, 4, 5) s
  FULL JOIN (SELECT what, day, operator_id, part, kind, count(*) AS items, sum(amount) AS amount, sum(paid) AS paid
               FROM day_sum_item GROUP BY 1, 2, 3, 4, 5) i USING (what, day, operator_id, part, kind)
 WHERE (coalesce(s.items, 0), coalesce(s.amount, 0), coalesce(s.paid, 0))
       <> (coalesce(i.items, 0), coalesce(i.amount, 0), coalesce(i.paid, 0))
 LIMIT %(limit)s
