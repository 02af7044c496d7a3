-- claim_lanes --
-- Take the lanes that no other worker holds, to the end of the transaction.
SELECT lane FROM unnest(%(lanes)s::integer[]) AS lane
 WHERE pg_try_advisory_xact_lock(%(lock_class)s, lane)

-- read_intake --
-- The oldest unfolded packets of these lanes, attributed to their customer by username.
SELECT i.intake_id, i.received_at, i.nas_id, i.status_type, l.customer_id, i.acct_session_id,
       i.class_value, i.event_epoch, i.session_seconds,
       CASE WHEN n.octets_swapped THEN i.output_octets ELSE i.input_octets END,
       CASE WHEN n.octets_swapped THEN i.input_octets ELSE i.output_octets END,
       CASE WHEN n.octets_swapped THEN i.output_gigawords ELSE i.input_gigawords END,
       CASE WHEN n.octets_swapped THEN i.input_gigawords ELSE i.output_gigawords END,
       i.terminate_cause, i.nas_ip, i.nas_port_id, i.calling_station_id, i.called_station_id,
       i.framed_ip, i.framed_ipv6
  FROM (SELECT * FROM acct_intake WHERE intake_lane(username) = ANY (%(lanes)s)
         ORDER BY intake_id LIMIT %(limit)s) i
  LEFT JOIN nas n ON n.nas_id = i.nas_id
  LEFT JOIN login l ON l.username = CASE WHEN position('=' IN i.username) = 0 THEN i.username
                                         ELSE unescape_radius(i.username) END
 ORDER BY i.intake_id

-- move_to_events --
-- The folded packets leave the queue and become history, in the transaction that folded them.
WITH folded AS (
    SELECT * FROM unnest(%(intake_ids)s::bigint[], %(customer_ids)s::bigint[], %(session_ids)s::bigint[])
               AS f (intake_id, customer_id, session_id)
), moved AS (
    DELETE FROM acct_intake i USING folded f WHERE i.intake_id = f.intake_id
    RETURNING i.*, f.customer_id, f.session_id
)
INSERT INTO acct_event (
    customer_id, received_at, event_id, session_id, nas_id, status_type, username, acct_session_id,
    class_value, event_epoch, delay_seconds, session_seconds, input_octets, output_octets, input_gigawords,
    output_gigawords, terminate_cause, nas_ip, nas_identifier, nas_port_id, calling_station_id,
    called_station_id, framed_ip, framed_ipv6)
SELECT customer_id, received_at, intake_id, session_id, nas_id, status_type,
       -- In clear, so that people find it; the rest stays as it came.
       CASE WHEN position('=' IN username) = 0 THEN username ELSE unescape_radius(username) END, acct_session_id,
       class_value, event_epoch, delay_seconds, session_seconds, input_octets, output_octets, input_gigawords,
       output_gigawords, terminate_cause, nas_ip, nas_identifier, nas_port_id, calling_station_id,
       called_station_id, framed_ip, framed_ipv6
  FROM moved

-- read_session_events --
-- The history of one session, to fold it again.
SELECT e.event_id, e.received_at, e.nas_id, e.status_type, e.customer_id, e.acct_session_id,
       e.class_value, e.event_epoch, e.session_seconds,
       CASE WHEN n.octets_swapped THEN e.output_octets ELSE e.input_octets END,
       CASE WHEN n.octets_swapped THEN e.input_octets ELSE e.output_octets END,
       CASE WHEN n.octets_swapped THEN e.output_gigawords ELSE e.input_gigawords END,
       CASE WHEN n.octets_swapped THEN e.input_gigawords ELSE e.output_gigawords END,
       e.terminate_cause, e.nas_ip, e.nas_port_id, e.calling_station_id, e.called_station_id,
       e.framed_ip, e.framed_ipv6
  FROM acct_event e
  LEFT JOIN nas n ON n.nas_id = e.nas_id
 WHERE e.customer_id = %(customer_id)s AND e.session_id = %(session_id)s

-- oldest_intake --
-- The oldest packet that is not folded; by the key, since the rows folded lately lie in
-- front of it until the next vacuum.
SELECT min(intake_id) FROM acct_intake

-- beat --
-- Say that this process is alive.
INSERT INTO process_heartbeat (name, pid, at) VALUES (%(name)s, %(pid)s, %(at)s)
ON CONFLICT (name) DO UPDATE SET pid = excluded.pid, at = excluded.at

-- park_oldest --
-- Set aside the packet that cannot be folded, with the reason.
WITH oldest AS (
    DELETE FROM acct_intake WHERE intake_id = (
        SELECT intake_id FROM acct_intake WHERE intake_lane(username) = ANY (%(lanes)s) ORDER BY intake_id LIMIT 1)
    RETURNING *
)
INSERT INTO acct_parked (intake_id, error, packet)
SELECT intake_id, %(error)s, to_jsonb(oldest) FROM oldest
RETURNING intake_id
