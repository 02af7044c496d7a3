-- insert_link --
-- A link that opens one payment.
INSERT INTO payment_link (customer_id, amount, bill_id, created_at, created_by, expires_at)
VALUES (%(customer_id)s, %(amount)s, %(bill_id)s, %(created_at)s, %(created_by)s, %(expires_at)s)
RETURNING link_id

-- read_link --
-- A link, and how the attempts stand that it opened: paid counts for more than what waits.
SELECT k.link_id, k.customer_id, c.username, c.language, k.amount, k.bill_id, k.created_at, k.created_by, k.expires_at,
       k.withdrawn_at, a.reference AS spent_by
  FROM payment_link k
  JOIN customer c ON c.customer_id = k.customer_id
  LEFT JOIN LATERAL (SELECT a.reference FROM payment_attempt a
                      WHERE a.customer_id = k.customer_id AND a.created_by = 'link:' || k.link_id
                        AND a.state IN ('paid', 'confirmed', 'review')
                      ORDER BY a.state = 'paid' DESC, a.attempt_id LIMIT 1) a ON true
 WHERE k.link_id = %(link_id)s

-- set_link_attempt --
-- The newest attempt that a link opened.
UPDATE payment_link SET attempt_id = %(attempt_id)s WHERE link_id = %(link_id)s

-- find_begun --
-- The checkout that a link opened just now, if it can still be paid.
SELECT a.attempt_id, a.reference, a.checkout_url
  FROM payment_link k
  JOIN payment_attempt a ON a.customer_id = k.customer_id AND a.created_by = 'link:' || k.link_id
 WHERE k.link_id = %(link_id)s AND a.gateway = %(gateway)s AND a.amount = %(amount)s AND a.created_at > %(since)s
   AND a.state = 'pending' AND a.customer_cancelled_at IS NULL AND a.checkout_url <> ''
 ORDER BY a.attempt_id DESC LIMIT 1

-- lock_opening --
-- One opens a link's checkout at a time.
SELECT pg_advisory_lock(%(space)s, (%(link_id)s %% 2147483647)::int)

-- unlock_opening --
-- Let the next one open it.
SELECT pg_advisory_unlock(%(space)s, (%(link_id)s %% 2147483647)::int)

-- withdraw_link --
-- A link that opens nothing any more.
UPDATE payment_link SET withdrawn_at = %(now)s WHERE link_id = %(link_id)s AND withdrawn_at IS NULL
