-- list_sessions --
-- Sessions for people, newest first: of one customer or all, one of his, running or all.
SELECT s.session_id, s.customer_id, s.username, n.name AS nas, p.name AS package, s.state, s.acct_session_id,
       s.calling_station_id, host(s.framed_ip) AS framed_ip, s.framed_ipv6, s.started_at, s.last_event_at,
       s.ended_at, s.terminate_cause, s.session_seconds, s.input_octets, s.output_octets, s.charged, s.billed,
       s.limit_seconds, s.limit_octets, s.cut_at, s.cut_reason, s.disconnect_requested_at,
       coalesce((SELECT r.held FROM reservation r WHERE r.customer_id = s.customer_id
                  AND r.session_id = s.session_id AND r.state = 'open'), 0) AS held
  FROM acct_session s
  JOIN package p ON p.package_id = s.package_id
  LEFT JOIN nas n ON n.nas_id = s.nas_id
 WHERE (%(customer_id)s::bigint IS NULL OR s.customer_id = %(customer_id)s)
   AND (%(session_id)s::bigint IS NULL OR s.session_id = %(session_id)s)
   AND (NOT %(running)s OR s.ended_at IS NULL AND s.session_id > 0)
 ORDER BY s.session_id DESC LIMIT %(limit)s

-- list_rejects --
-- Rejected logins, newest first.
SELECT r.rejected_at, r.username, r.reason, n.name AS nas, r.calling_station_id
  FROM access_reject r LEFT JOIN nas n ON n.nas_id = r.nas_id
 WHERE %(username)s::text IS NULL OR r.username = %(username)s
 ORDER BY r.rejected_at DESC LIMIT %(limit)s

-- list_unknown_nas --
-- Addresses that spoke RADIUS to us and are no NAS of ours.
SELECT u.last_seen_at, host(u.address) AS address, u.packets
  FROM unknown_nas u LEFT JOIN nas n ON n.address = u.address
 WHERE n.nas_id IS NULL ORDER BY u.last_seen_at DESC LIMIT %(limit)s

-- count_parked --
-- Packets that were set aside because they could not be folded.
SELECT count(*) FROM acct_parked
