-- list_nas_health --
-- How each NAS does: sessions on it, when it was heard of, what it answered lately.
SELECT n.nas_id, coalesce(live.sessions, 0) AS sessions, live.heard_at, coalesce(coa.acks, 0) AS acks,
       coalesce(coa.naks, 0) AS naks, coalesce(coa.timeouts, 0) AS timeouts, coalesce(coa.waiting, 0) AS waiting,
       coalesce(live.heard_at < %(now)s - make_interval(secs => 3 * n.interim_interval_seconds), false) AS is_silent
  FROM nas n
  LEFT JOIN (SELECT s.nas_id, count(*) AS sessions, max(s.last_received_at) AS heard_at
               FROM acct_session s WHERE s.ended_at IS NULL GROUP BY s.nas_id) live ON live.nas_id = n.nas_id
  LEFT JOIN (SELECT o.nas_id, count(*) FILTER (WHERE o.outcome = 'ACK') AS acks,
                    count(*) FILTER (WHERE o.outcome = 'NAK') AS naks,
                    count(*) FILTER (WHERE o.outcome = 'TIMEOUT') AS timeouts,
                    count(*) FILTER (WHERE o.state IN ('pending', 'sending')) AS waiting
               FROM outbox o WHERE o.created_at > %(since)s GROUP BY o.nas_id) coa ON coa.nas_id = n.nas_id

-- list_requests_to --
-- What was asked of a NAS lately, newest first.
SELECT o.outbox_id, o.customer_id, c.username, o.session_id, o.kind, o.reason, o.created_at, o.state, o.attempts,
       o.outcome, o.error_cause
  FROM outbox o JOIN customer c ON c.customer_id = o.customer_id
 WHERE o.nas_id = %(nas_id)s AND o.created_at > %(since)s
 ORDER BY o.created_at DESC, o.outbox_id DESC LIMIT %(limit)s

-- list_unknown_nas --
-- Addresses that speak RADIUS to us and are no NAS.
SELECT host(address) AS address, first_seen_at, last_seen_at, packets
  FROM unknown_nas WHERE last_seen_at > %(since)s ORDER BY last_seen_at DESC LIMIT %(limit)s

-- list_online --
-- Sessions of a scope's customers that run, newest first.
SELECT s.customer_id, s.session_id, s.username, c.name, p.name AS package, n.name AS nas, s.state, s.started_at,
       s.last_received_at, s.session_seconds, s.input_octets, s.output_octets, host(s.framed_ip) AS framed_ip,
       s.framed_ipv6, s.calling_station_id, s.nas_port_id, s.is_restricted, s.disconnect_requested_at,
       s.last_received_at < %(now)s - make_interval(secs => 3 * s.interim_interval_seconds) AS is_silent
  FROM acct_session s
  JOIN customer c ON c.customer_id = s.customer_id
  JOIN package p ON p.package_id = s.package_id
  LEFT JOIN nas n ON n.nas_id = s.nas_id
 WHERE s.ended_at IS NULL AND s.session_id > 0
   AND (%(scope)s::bigint[] IS NULL OR c.operator_id = ANY(%(scope)s))
   AND (%(after)s::bigint IS NULL OR s.session_id < %(after)s)
   AND (%(words)s::text IS NULL OR customer_words(c.username, c.name, c.mobile) LIKE %(words)s)
   AND (%(mac)s::text IS NULL OR s.calling_station_id = %(mac)s)
   AND (%(address)s::inet IS NULL OR s.framed_ip = %(address)s)
   AND (%(nas_id)s::bigint IS NULL OR s.nas_id = %(nas_id)s)
   AND (%(package_id)s::bigint IS NULL OR s.package_id = %(package_id)s)
   AND (NOT %(restricted)s OR s.is_restricted)
   AND (NOT %(silent)s OR s.last_received_at < %(now)s - make_interval(secs => 3 * s.interim_interval_seconds))
 ORDER BY s.session_id DESC LIMIT %(limit)s

-- total_online --
-- How many sessions the filter leaves, and what they carried; counted up to the limit.
SELECT count(*) AS sessions, coalesce(sum(input_octets), 0)::bigint AS up_octets,
       coalesce(sum(output_octets), 0)::bigint AS down_octets
  FROM ({filtered}) AS filtered

-- list_rejects --
-- Logins that were refused, newest first; usernames that nobody has only for who sees
-- everybody.
SELECT r.reject_id, r.rejected_at, r.username, r.customer_id, n.name AS nas, r.calling_station_id, r.reason
  FROM access_reject r
  LEFT JOIN nas n ON n.nas_id = r.nas_id
 WHERE (%(scope)s::bigint[] IS NULL OR EXISTS (SELECT FROM customer c WHERE c.customer_id = r.customer_id
                                                AND c.operator_id = ANY(%(scope)s)))
   AND (%(after_at)s::timestamptz IS NULL OR (r.rejected_at <= %(after_at)s
        AND (r.rejected_at, r.reject_id) < (%(after_at)s, %(after_id)s::bigint)))
   AND (%(username)s::text IS NULL OR r.username = %(username)s)
   AND (%(reason)s::text IS NULL OR r.reason = %(reason)s)
   AND (%(nas_id)s::bigint IS NULL OR r.nas_id = %(nas_id)s)
   AND (%(mac)s::text IS NULL OR r.calling_station_id = %(mac)s)
   AND (%(since)s::timestamptz IS NULL OR r.rejected_at >= %(since)s)
   AND (%(until)s::timestamptz IS NULL OR r.rejected_at < %(until)s)
 ORDER BY r.rejected_at DESC, r.reject_id DESC LIMIT %(limit)s

-- count_rejects --
-- How many logins were refused lately, by reason.
SELECT r.reason, count(*)
  FROM access_reject r
 WHERE r.rejected_at > %(since)s
   AND (%(scope)s::bigint[] IS NULL OR EXISTS (SELECT FROM customer c WHERE c.customer_id = r.customer_id
                                                AND c.operator_id = ANY(%(scope)s)))
 GROUP BY r.reason ORDER BY 2 DESC, 1
