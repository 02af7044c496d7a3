-- list_wallet --
-- A customer's ledger, newest first, before an entry: what each entry did to the wallet,
-- and what was in it then. Postings by newer entries are taken off what is in it now.
SELECT e.entry_id, e.kind, e.occurred_at, e.actor, e.note, coalesce(change.amount, 0) AS wallet_change,
       w.posted - coalesce((SELECT -sum(p.amount) FROM posting p
                             WHERE p.customer_id = w.customer_id AND p.entry_id >= %(after)s
                               AND p.ledger_account = 'wallet'), 0)
           - coalesce(sum(change.amount) OVER (ORDER BY e.entry_id DESC
                                               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS balance,
       EXISTS (SELECT FROM ledger_entry r WHERE r.customer_id = e.customer_id AND r.reverses_entry_id = e.entry_id)
           AS is_reversed
  FROM (SELECT customer_id, entry_id, kind, occurred_at, actor, note FROM ledger_entry
         WHERE customer_id = %(customer_id)s AND (%(after)s::bigint IS NULL OR entry_id < %(after)s)
         ORDER BY entry_id DESC LIMIT %(limit)s) e
  JOIN wallet w ON w.customer_id = e.customer_id
  LEFT JOIN LATERAL (SELECT -sum(p.amount) AS amount FROM posting p
                      WHERE p.customer_id = e.customer_id AND p.entry_id = e.entry_id
                        AND p.ledger_account = 'wallet') change ON true
 ORDER BY e.entry_id DESC

-- list_sessions_of --
-- A customer's sessions, newest first, before one of them.
SELECT s.session_id, s.state, s.started_at, s.ended_at, s.terminate_cause, s.session_seconds, s.input_octets,
       s.output_octets, host(s.framed_ip) AS framed_ip, s.framed_ipv6, s.calling_station_id, n.name AS nas,
       p.name AS package, s.charged
  FROM acct_session s
  JOIN package p ON p.package_id = s.package_id
  LEFT JOIN nas n ON n.nas_id = s.nas_id
 WHERE s.customer_id = %(customer_id)s AND (%(after)s::bigint IS NULL OR s.session_id < %(after)s)
 ORDER BY s.session_id DESC LIMIT %(limit)s

-- list_events_of --
-- A customer's log, newest first, before an entry.
SELECT customer_event_id AS event_id, at, actor, what, reason, note FROM customer_event
 WHERE customer_id = %(customer_id)s AND (%(after)s::bigint IS NULL OR customer_event_id < %(after)s)
 ORDER BY customer_event_id DESC LIMIT %(limit)s
