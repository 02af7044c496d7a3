-- read_policy --
-- What is told and when, with the zone and currency it is told in.
SELECT p.channels, p.due_soon_days, p.expiring_days, p.balance_low, p.first_hour, p.last_hour, p.provider,
       i.zone, i.currency
  FROM reminder_policy p, installation i

-- write_policy --
-- What the settings say now.
INSERT INTO reminder_policy (channels, due_soon_days, expiring_days, balance_low, first_hour, last_hour, provider)
VALUES (%(channels)s, %(due_soon_days)s, %(expiring_days)s, %(balance_low)s, %(first_hour)s, %(last_hour)s,
        %(provider)s)
ON CONFLICT (only_row) DO UPDATE
   SET channels = excluded.channels, due_soon_days = excluded.due_soon_days,
       expiring_days = excluded.expiring_days, balance_low = excluded.balance_low,
       first_hour = excluded.first_hour, last_hour = excluded.last_hour, provider = excluded.provider

-- find_bills_issued --
-- Bills of the last days, to be told of by a way they were not told by. Service days,
-- hotspot sessions and packages are paid as they are bought: nobody needs a message.
SELECT b.customer_id, a.channel, a.recipient, c.language, c.username, c.name, b.bill_id, b.issued_at, b.due_at,
       b.gross, b.gross - b.paid, c.status = 'active', b.number, b.period_start, b.period_end, b.suspend_at
  FROM bill b
  JOIN customer c ON c.customer_id = b.customer_id
 CROSS JOIN LATERAL (VALUES ('sms', c.mobile), ('mail', c.mail)) AS a (channel, recipient)
 WHERE b.issued_at > %(since)s AND b.issued_at <= %(until)s
   AND b.kind IN ('cycle', 'package_change', 'profile_change', 'other_charge')
   AND b.status <> 'void' AND b.gross > 0 AND b.number IS NOT NULL AND c.status <> 'disabled'
   AND a.channel = ANY (%(channels)s) AND a.recipient <> ''
   AND NOT EXISTS (SELECT FROM message m
                    WHERE m.customer_id = b.customer_id AND m.event = 'bill_issued'
                      AND m.subject = b.bill_id::text AND m.channel = a.channel)
 ORDER BY b.customer_id, b.bill_id

-- find_bills_due --
-- Open bills that are due within a time, to be told of by a way they were not told by.
SELECT b.customer_id, a.channel, a.recipient, c.language, c.username, c.name, b.bill_id, b.issued_at, b.due_at,
       b.gross, b.gross - b.paid, c.status = 'active', b.number, b.period_start, b.period_end, b.suspend_at
  FROM bill b
  JOIN customer c ON c.customer_id = b.customer_id
 CROSS JOIN LATERAL (VALUES ('sms', c.mobile), ('mail', c.mail)) AS a (channel, recipient)
 WHERE b.due_at > %(since)s AND b.due_at <= %(until)s AND b.status IN ('unpaid', 'partial')
   AND b.number IS NOT NULL AND c.status <> 'disabled'
   AND a.channel = ANY (%(channels)s) AND a.recipient <> ''
   AND NOT EXISTS (SELECT FROM message m
                    WHERE m.customer_id = b.customer_id AND m.event = %(event)s
                      AND m.subject = b.bill_id::text AND m.channel = a.channel)
 ORDER BY b.customer_id, b.bill_id

-- read_daily_packages --
-- Packages that are paid by the day.
SELECT package_id FROM package WHERE billing = 'daily'

-- find_wallets_low --
-- Active prepaid customers with less than the next service day costs or the policy calls
-- low, who were not told of it. A hotspot wallet pays with what sessions hold, too.
WITH low AS MATERIALIZED (
    SELECT c.customer_id, c.mobile, c.mail, c.language, c.username, c.name, p.name AS package,
           w.posted + w.credit_limit - CASE p.billing WHEN 'daily' THEN w.reserved ELSE 0 END AS available,
           d.price, t.payment_id
      FROM customer c
      JOIN wallet w ON w.customer_id = c.customer_id
      JOIN package p ON p.package_id = c.package_id AND p.billing IN ('daily', 'per_session')
      LEFT JOIN billing_profile f ON f.profile_id = c.profile_id
      LEFT JOIN unnest(%(package_id)s::bigint[], %(price)s::numeric[]) AS d (package_id, price)
             ON d.package_id = c.package_id
            AND (f.profile_id IS NULL OR (f.billing_type = 'daily' AND f.daily_charge = 'every_day' AND f.auto_bill))
      LEFT JOIN LATERAL (SELECT y.payment_id FROM payment y
                          WHERE y.customer_id = c.customer_id AND y.received_at > %(payments_since)s
                          ORDER BY y.payment_id DESC LIMIT 1) t ON true
     WHERE c.status = 'active' AND c.parked_reason IS NULL
       AND coalesce(f.billing_type, '') <> 'free'
       AND w.posted + w.credit_limit - CASE p.billing WHEN 'daily' THEN w.reserved ELSE 0 END
           < greatest(d.price, %(balance_low)s)
)
SELECT l.customer_id, a.channel, a.recipient, l.language, l.username, l.name, l.available, l.price, l.payment_id,
       l.package
  FROM low l
 CROSS JOIN LATERAL (VALUES ('sms', l.mobile), ('mail', l.mail)) AS a (channel, recipient)
 WHERE a.channel = ANY (%(channels)s) AND a.recipient <> ''
   AND (l.available < l.price OR (%(balance_low)s::numeric > 0 AND l.payment_id IS NOT NULL))
   AND NOT EXISTS (SELECT FROM message m
                    WHERE m.customer_id = l.customer_id AND m.event = 'balance_low' AND m.channel = a.channel
                      AND m.subject = CASE WHEN l.available < l.price THEN 'day:' || %(next_day)s::text
                                           ELSE 'payment:' || l.payment_id END)
 ORDER BY l.customer_id

-- find_packages_ending --
-- Bought packages in use whose validity ends within a time, or whose data is mostly used;
-- with what was told of this end and this quota already.
SELECT s.customer_id, a.channel, a.recipient, c.language, c.username, c.name, s.subscription_id, s.valid_until,
       p.validity_seconds, s.octets_allowed, s.octets_used, p.name,
       ARRAY (SELECT m.event || ' ' || m.subject FROM message m
               WHERE m.customer_id = s.customer_id AND m.event IN ('package_expiring', 'data_80')
                 AND m.channel = a.channel AND m.subject LIKE s.subscription_id || ':%%')
  FROM subscription s
  JOIN package p ON p.package_id = s.package_id AND p.billing = 'package'
  JOIN customer c ON c.customer_id = s.customer_id
 CROSS JOIN LATERAL (VALUES ('sms', c.mobile), ('mail', c.mail)) AS a (channel, recipient)
 WHERE s.state = 'active' AND c.status = 'active'
   AND (s.valid_until IS NULL OR s.valid_until > %(now)s)
   AND ((s.valid_until <= %(until)s AND s.valid_until - %(now)s <= make_interval(secs => p.validity_seconds * 0.2))
     OR (s.octets_used >= s.octets_allowed * 0.8 AND s.octets_used < s.octets_allowed))
   AND a.channel = ANY (%(channels)s) AND a.recipient <> ''
 ORDER BY s.customer_id

-- read_contacts --
-- How these customers are reached, and what they owe.
SELECT c.customer_id, a.channel, a.recipient, c.language, c.username, c.name, w.due,
       w.posted - w.reserved + w.credit_limit
  FROM customer c
  JOIN wallet w ON w.customer_id = c.customer_id
 CROSS JOIN LATERAL (VALUES ('sms', c.mobile), ('mail', c.mail)) AS a (channel, recipient)
 WHERE c.customer_id = ANY (%(customer_ids)s) AND a.channel = ANY (%(channels)s) AND a.recipient <> ''
 ORDER BY c.customer_id

-- insert_messages --
-- Messages of a batch; what was told already stays told once.
INSERT INTO message (customer_id, event, subject, channel, recipient, language, title, body, created_at,
                     next_attempt_at)
SELECT customer_id, event, subject, channel, recipient, language, title, body, %(now)s, %(now)s
  FROM unnest(%(customer_id)s::bigint[], %(event)s::text[], %(subject)s::text[], %(channel)s::text[],
              %(recipient)s::text[], %(language)s::text[], %(title)s::text[], %(body)s::text[])
       AS m (customer_id, event, subject, channel, recipient, language, title, body)
ON CONFLICT ON CONSTRAINT message_told_once DO NOTHING

-- insert_code_message --
-- A code that somebody waits for now: due since yesterday, so before all that is due.
INSERT INTO message (customer_id, event, subject, channel, recipient, language, title, body, created_at,
                     next_attempt_at)
VALUES (%(customer_id)s, %(event)s, %(subject)s, %(channel)s, %(recipient)s, %(language)s, %(title)s, %(body)s,
        %(now)s, %(now)s - interval '1 day')

-- claim_messages --
-- Take what is due by one way, for longer than sending may take: a sender that dies in
-- between leaves it to be due again. What has lost its point is not sent.
WITH due AS (
    SELECT m.customer_id, m.message_id,
           CASE WHEN m.event IN ('due_soon', 'overdue', 'bill_issued')
                THEN EXISTS (SELECT FROM bill b WHERE b.customer_id = m.customer_id AND b.bill_id = m.subject::bigint
                              AND (b.status = 'void' OR (b.status = 'paid' AND m.event <> 'bill_issued')))
                WHEN m.event = 'suspended' THEN c.status = 'active'
                WHEN m.event = 'restored' THEN c.status <> 'active'
                WHEN m.event = 'login_code' THEN m.created_at < %(now)s - interval '5 minutes'
                ELSE false END AS is_moot
      FROM message m JOIN customer c ON c.customer_id = m.customer_id
     WHERE m.state IN ('pending', 'sending') AND m.next_attempt_at <= %(now)s AND m.channel = %(channel)s
     ORDER BY m.next_attempt_at LIMIT %(limit)s FOR UPDATE OF m SKIP LOCKED
), claimed AS (
    UPDATE message m
       SET state = CASE WHEN due.is_moot THEN 'cancelled' ELSE 'sending' END,
           title = CASE WHEN due.is_moot AND m.event = 'login_code' THEN '' ELSE m.title END,
           body = CASE WHEN due.is_moot AND m.event = 'login_code' THEN '' ELSE m.body END,
           attempts = m.attempts + CASE WHEN due.is_moot THEN 0 ELSE 1 END,
           next_attempt_at = %(now)s + make_interval(secs => %(lease_seconds)s)
      FROM due
     WHERE m.customer_id = due.customer_id AND m.message_id = due.message_id
    RETURNING m.customer_id, m.message_id, m.recipient, m.title, m.body, m.attempts, m.state
)
SELECT customer_id, message_id, recipient, title, body, attempts FROM claimed WHERE state = 'sending'

-- finish_message --
-- What became of it; 'pending' with a later moment when it is tried again. A sender whose
-- lease ran out meanwhile has a say only if it did send.
-- Of a code nothing is kept once it went: whoever reads messages could log in with it.
UPDATE message SET state = %(state)s, error = %(error)s, next_attempt_at = %(next_attempt_at)s,
       title = CASE WHEN event = 'login_code' AND %(state)s <> 'pending' THEN '' ELSE title END,
       body = CASE WHEN event = 'login_code' AND %(state)s <> 'pending' THEN '' ELSE body END,
       sent_at = CASE WHEN %(state)s = 'sent' THEN %(now)s::timestamptz END
 WHERE customer_id = %(customer_id)s AND message_id = %(message_id)s AND state = 'sending'
   AND (attempts = %(attempts)s OR %(state)s = 'sent')

-- list_messages --
-- The newest messages, of one customer or of all, and what became of them.
SELECT m.message_id, c.username, m.event, m.subject, m.channel, m.recipient, m.language,
       CASE WHEN m.event = 'login_code' THEN '' ELSE m.title END AS title,
       CASE WHEN m.event = 'login_code' THEN '' ELSE m.body END AS body,
       m.created_at, m.state, m.attempts, m.next_attempt_at, m.sent_at, m.error
  FROM message m JOIN customer c ON c.customer_id = m.customer_id
 WHERE %(username)s::text IS NULL OR c.username = %(username)s
 ORDER BY m.message_id DESC LIMIT %(limit)s

-- set_contact --
-- Where a customer is written to, and in what language; NULL = as it is.
UPDATE customer SET mobile = coalesce(%(mobile)s, mobile), mail = coalesce(%(mail)s, mail),
       language = coalesce(%(language)s, language)
 WHERE customer_id = %(customer_id)s
