-- lock_serials --
-- One batch at a time takes its serials; held until the batch is committed.
LOCK TABLE card_batch IN SHARE ROW EXCLUSIVE MODE

-- insert_batch --
-- A batch with the serials that come next: ten digits, as long as there are so few.
INSERT INTO card_batch (serial_first, serial_last, face_value, package_id, commission, distributor, expires_at,
                        created_at, created_by)
SELECT next.serial, next.serial + %(quantity)s - 1, %(face_value)s, %(package_id)s, %(commission)s,
       %(distributor)s, %(expires_at)s, %(now)s, %(actor)s
  FROM (SELECT coalesce(max(serial_last), 1000000000) + 1 AS serial FROM card_batch) next
RETURNING batch_id

-- insert_cards --
-- The cards of a batch: nobody can use them yet.
INSERT INTO card (serial, batch_id)
SELECT serial, batch_id
  FROM card_batch, generate_series(serial_first, serial_last) AS serial
 WHERE batch_id = %(batch_id)s

-- insert_event --
-- What was done to a range of cards.
INSERT INTO card_event (at, actor, what, serial_first, serial_last, cards, note)
VALUES (%(at)s, %(actor)s, %(what)s, %(serial_first)s, %(serial_last)s, %(cards)s, %(note)s)

-- list_batches --
-- The newest batches and what became of their cards.
SELECT b.batch_id, b.serial_first, b.serial_last, b.face_value, p.name AS package, b.commission, b.distributor,
       b.expires_at, b.created_at, b.created_by, b.printed_at, b.printed_by,
       count(*) FILTER (WHERE c.state = 'generated' AND NOT e.expired) AS generated,
       count(*) FILTER (WHERE c.state = 'active' AND NOT e.expired) AS active,
       count(*) FILTER (WHERE c.state = 'used') AS used,
       count(*) FILTER (WHERE c.state IN ('generated', 'active') AND e.expired) AS expired,
       count(*) FILTER (WHERE c.state = 'void') AS void
  FROM card_batch b
  LEFT JOIN package p ON p.package_id = b.package_id
  JOIN card c ON c.batch_id = b.batch_id
 CROSS JOIN LATERAL (SELECT coalesce(b.expires_at <= %(now)s, false) AS expired) e
 WHERE (%(distributor)s::text IS NULL OR b.distributor = %(distributor)s)
   AND (%(batch_id)s::bigint IS NULL OR b.batch_id = %(batch_id)s)
 GROUP BY b.batch_id, p.name
 ORDER BY b.batch_id DESC LIMIT %(limit)s

-- has_cards_for --
-- Whether cards were made for a distributor of this name.
SELECT EXISTS (SELECT FROM card_batch WHERE distributor = %(distributor)s)

-- find_reseller --
-- Whom the account of a distributor's name works for: he sees the cards, too.
SELECT r.username FROM operator o JOIN operator r ON r.operator_id = o.parent_id
 WHERE o.username = %(distributor)s

-- list_cards --
-- Cards, newest first, as a person filters them.
SELECT c.serial, c.batch_id, s.state, b.face_value, p.name AS package, b.commission, b.distributor, b.expires_at,
       b.created_at, c.activated_at, c.used_at, u.username AS used_by
  FROM card c
  JOIN card_batch b ON b.batch_id = c.batch_id
  LEFT JOIN package p ON p.package_id = b.package_id
  LEFT JOIN customer u ON u.customer_id = c.used_by
 CROSS JOIN LATERAL (SELECT CASE WHEN c.state IN ('generated', 'active') AND b.expires_at <= %(now)s
                                 THEN 'expired' ELSE c.state END AS state) s
 WHERE (%(batch_id)s::bigint IS NULL OR c.batch_id = %(batch_id)s)
   AND (%(serial)s::bigint IS NULL OR c.serial = %(serial)s)
   AND (%(distributor)s::text IS NULL OR b.distributor = %(distributor)s)
   AND (%(package_id)s::bigint IS NULL OR b.package_id = %(package_id)s)
   AND (%(state)s::text IS NULL OR s.state = %(state)s)
 ORDER BY c.serial DESC LIMIT %(limit)s

-- list_events --
-- What was done to one card, with its neighbours.
SELECT at, actor, what, serial_first, serial_last, cards, note
  FROM card_event
 WHERE int8range(serial_first, serial_last, '[]') @> %(serial)s::bigint
 ORDER BY event_id

-- take_print --
-- Take the batch for printing; no row = it was printed. A second one waits here for the first.
UPDATE card_batch SET printed_at = %(now)s, printed_by = %(actor)s
 WHERE batch_id = %(batch_id)s AND printed_at IS NULL
RETURNING batch_id

-- list_unprinted --
-- The next cards of a batch that shall have a PIN, in order of serial.
SELECT serial FROM card
 WHERE batch_id = %(batch_id)s AND state = 'generated' AND serial > %(after)s
 ORDER BY serial LIMIT %(limit)s

-- list_known_macs --
-- Which of these PINs exist, under whichever key.
SELECT pin_mac FROM card_pin WHERE pin_mac = ANY (%(macs)s)

-- insert_pins --
-- PINs of cards; a PIN that exists is left out, so that another one is drawn.
INSERT INTO card_pin (pin_mac, key_id, serial)
SELECT mac, %(key_id)s, serial FROM unnest(%(macs)s::bytea[], %(serials)s::bigint[]) AS n (mac, serial)
    ON CONFLICT (pin_mac) DO NOTHING
RETURNING serial

-- count_outside --
-- How many serials of a range are no card at all, and how many have no PIN yet.
SELECT %(last)s::bigint - %(first)s::bigint + 1 - count(c.serial) AS strange,
       count(*) FILTER (WHERE c.state = 'generated' AND b.printed_at IS NULL) AS unprinted,
       count(*) FILTER (WHERE c.state = 'generated' AND b.expires_at <= %(now)s) AS expired
  FROM card c
  JOIN card_batch b ON b.batch_id = c.batch_id
 WHERE c.serial BETWEEN %(first)s AND %(last)s

-- activate_cards --
-- Let cards of a range be used; in order of serial, so that two at once meet in order.
WITH chosen AS (
    SELECT serial FROM card
     WHERE serial BETWEEN %(first)s AND %(last)s AND state = 'generated'
     ORDER BY serial FOR UPDATE
)
UPDATE card c SET state = 'active', activated_at = %(now)s
  FROM chosen WHERE c.serial = chosen.serial AND c.state = 'generated'

-- void_cards --
-- Let cards of a range never be used; used ones stay used.
WITH chosen AS (
    SELECT serial FROM card
     WHERE serial BETWEEN %(first)s AND %(last)s AND state IN ('generated', 'active')
     ORDER BY serial FOR UPDATE
)
UPDATE card c SET state = 'void'
  FROM chosen WHERE c.serial = chosen.serial AND c.state IN ('generated', 'active')

-- use_card --
-- Use the card of a PIN; no row = it cannot be used. Whoever comes at the same moment waits here
-- for the first and then finds it used.
UPDATE card c SET state = 'used', used_at = %(now)s, used_by = %(customer_id)s
  FROM card_pin n, card_batch b LEFT JOIN package p ON p.package_id = b.package_id
 WHERE n.pin_mac = ANY (%(macs)s) AND c.serial = n.serial AND b.batch_id = c.batch_id
   AND c.state = 'active' AND (b.expires_at IS NULL OR b.expires_at > %(now)s)
RETURNING c.serial, b.face_value, b.commission, p.name AS package

-- read_refused_card --
-- Why the card of a PIN could not be used.
SELECT c.serial, c.state, c.used_by IS NOT DISTINCT FROM %(customer_id)s AS is_his,
       coalesce(b.expires_at <= %(now)s, false) AS is_expired
  FROM card_pin n
  JOIN card c ON c.serial = n.serial
  JOIN card_batch b ON b.batch_id = c.batch_id
 WHERE n.pin_mac = ANY (%(macs)s)

-- lock_guards --
-- Lock what is remembered of these subjects, in the order given: tries of one subject queue here.
INSERT INTO card_guard (subject, counted_since)
SELECT subject, %(now)s FROM unnest(%(subjects)s::text[]) WITH ORDINALITY AS n (subject, place) ORDER BY place
    ON CONFLICT (subject) DO UPDATE SET subject = excluded.subject
RETURNING subject, strikes, counted_since, locks, locked_until

-- write_guard --
-- Remember a subject's wrong tries.
UPDATE card_guard SET strikes = %(strikes)s, counted_since = %(counted_since)s, locks = %(locks)s,
       locked_until = %(locked_until)s
 WHERE subject = %(subject)s

-- insert_try --
-- A try, without its PIN.
INSERT INTO card_try (customer_id, at, actor, client_address, distributor, outcome, serial)
VALUES (%(customer_id)s, %(at)s, %(actor)s, %(client_address)s, %(distributor)s, %(outcome)s, %(serial)s)

-- list_tries --
-- The newest tries, with what was the matter.
SELECT t.at, c.username, t.outcome, t.serial, host(t.client_address) AS client_address, t.distributor, t.actor
  FROM card_try t
  JOIN customer c ON c.customer_id = t.customer_id
 WHERE (%(customer_id)s::bigint IS NULL OR t.customer_id = %(customer_id)s)
   AND (NOT %(bad_only)s OR t.outcome NOT IN ('credited', 'repeated'))
 ORDER BY t.at DESC, t.try_id DESC LIMIT %(limit)s

-- count_tries --
-- How many tries were wrong, and how many right, since then.
SELECT count(*) FILTER (WHERE outcome NOT IN ('credited', 'repeated', 'mistyped')) AS bad,
       count(*) FILTER (WHERE outcome = 'credited') AS good
  FROM card_try WHERE at > %(since)s

-- count_foreign_cards --
-- Cards that could be used, but whose PINs were kept with a key that is not among these.
SELECT n.key_id, count(*) AS cards
  FROM card_pin n
  JOIN card c ON c.serial = n.serial AND c.state IN ('generated', 'active')
 WHERE n.key_id <> ALL (%(key_ids)s)
 GROUP BY n.key_id ORDER BY n.key_id
