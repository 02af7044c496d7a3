-- insert_event --
-- What happened to an attempt.
INSERT INTO payment_attempt_event (attempt_id, at, actor, what, note, answer)
VALUES (%(attempt_id)s, %(at)s, %(actor)s, %(what)s, %(note)s, %(answer)s)

-- insert_event_once --
-- What anybody can tell us any number of times is written down once.
INSERT INTO payment_attempt_event (attempt_id, at, actor, what, note)
SELECT %(attempt_id)s, %(at)s, %(actor)s, %(what)s, %(note)s
 WHERE NOT EXISTS (SELECT FROM payment_attempt_event e
                    WHERE e.attempt_id = %(attempt_id)s AND e.what = %(what)s AND e.note = %(note)s)

-- has_event --
-- Whether this was ever told of an attempt.
SELECT EXISTS (SELECT FROM payment_attempt_event
                WHERE attempt_id = %(attempt_id)s AND what = %(what)s AND note = %(note)s)

-- list_events --
-- All that happened to an attempt, in order.
SELECT event_id, at, actor, what, note, answer FROM payment_attempt_event
 WHERE attempt_id = %(attempt_id)s ORDER BY event_id
