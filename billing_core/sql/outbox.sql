-- enqueue_coa --
-- Ask a NAS to change a running session.
INSERT INTO outbox (customer_id, session_id, nas_id, kind, reason, attributes)
VALUES (%(customer_id)s, %(session_id)s, %(nas_id)s, 'coa', %(reason)s, %(attributes)s)

-- cancel_disconnects --
-- Take back Disconnects that have not left, but those of some reasons: they stand, and are returned.
WITH cancelled AS (
    UPDATE outbox SET state = 'cancelled', finished_at = clock_timestamp()
     WHERE customer_id = %(customer_id)s AND session_id = ANY (%(session_ids)s)
       AND kind = 'disconnect' AND state = 'pending' AND reason <> ALL (%(standing)s::text[])
)
SELECT session_id FROM outbox
 WHERE customer_id = %(customer_id)s AND session_id = ANY (%(session_ids)s)
   AND kind = 'disconnect' AND state IN ('pending', 'sending') AND reason = ANY (%(standing)s::text[])

-- claim_outbox --
-- Take what is due, for the time that sending may take; a sender that dies in between
-- leaves its rows to be due again.
WITH due AS (
    SELECT outbox_id FROM outbox
     WHERE state IN ('pending', 'sending') AND next_attempt_at <= %(now)s
     ORDER BY next_attempt_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE outbox o
   SET state = 'sending', attempts = o.attempts + 1, first_sent_at = coalesce(o.first_sent_at, %(now)s),
       next_attempt_at = %(now)s + make_interval(secs => %(lease_seconds)s)
  FROM due, acct_session s
 WHERE o.outbox_id = due.outbox_id AND s.customer_id = o.customer_id AND s.session_id = o.session_id
RETURNING o.outbox_id, o.customer_id, o.session_id, o.nas_id, o.kind, o.reason, o.attributes, o.attempts,
          s.username, s.acct_session_id, host(s.framed_ip), host(s.nas_ip), s.calling_station_id,
          s.nas_port_id, s.session_seconds, s.started_at,
          -- Called off while it was on its way: money came, or the session spoke anew.
          s.ended_at IS NOT NULL OR (o.kind = 'disconnect' AND s.disconnect_requested_at IS NULL)
          -- A change that was not taken at once and is not the last one any more.
          OR (o.kind = 'coa' AND EXISTS (
                 SELECT FROM outbox n
                  WHERE n.customer_id = o.customer_id AND n.session_id = o.session_id AND n.kind = 'coa'
                    AND n.reason = o.reason AND n.outbox_id > o.outbox_id))

-- finish_outbox --
-- What came of it; 'pending' with a later moment when it is tried again.
UPDATE outbox SET state = %(state)s, outcome = %(outcome)s, error_cause = %(error_cause)s,
       finished_at = CASE WHEN %(state)s = 'pending' THEN NULL ELSE %(now)s END,
       next_attempt_at = %(next_attempt_at)s
 WHERE outbox_id = %(outbox_id)s

-- next_due --
-- When the next request is due.
SELECT min(next_attempt_at) FROM outbox WHERE state IN ('pending', 'sending')

-- list_outbox --
-- The newest requests to NAS and what came of them.
SELECT o.outbox_id, c.username, n.name AS nas, o.session_id, o.kind, o.reason, o.created_at, o.first_sent_at,
       o.finished_at, o.state, o.attempts, o.outcome, o.error_cause
  FROM outbox o
  JOIN nas n ON n.nas_id = o.nas_id
  JOIN customer c ON c.customer_id = o.customer_id
 WHERE (%(username)s::text IS NULL OR c.username = %(username)s)
   AND (%(session_id)s::bigint IS NULL OR o.session_id = %(session_id)s)
 ORDER BY o.outbox_id DESC LIMIT %(limit)s
