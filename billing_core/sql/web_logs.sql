-- list_events --
-- What was done, by whom, newest first: to customers, to cards and to all else. Each log
-- gives as many as a page has, by its own index; rank tells entries of one moment apart.
SELECT * FROM (
    (SELECT e.at, e.customer_event_id * 4 AS rank, e.actor, e.what, e.reason, e.note, e.customer_id, c.username
       FROM customer_event e JOIN customer c ON c.customer_id = e.customer_id
      WHERE (%(after_at)s::timestamptz IS NULL OR (e.at <= %(after_at)s
             AND (e.at, e.customer_event_id * 4) < (%(after_at)s, %(after_rank)s::bigint)))
        AND (%(since)s::timestamptz IS NULL OR e.at >= %(since)s)
        AND (%(until)s::timestamptz IS NULL OR e.at < %(until)s)
        AND (%(actor)s::text IS NULL OR e.actor = %(actor)s)
        AND (%(what)s::text IS NULL OR e.what = %(what)s)
        AND (%(customer_id)s::bigint IS NULL OR e.customer_id = %(customer_id)s)
        AND (%(log)s::text IS NULL OR %(log)s = 'customers')
      ORDER BY e.at DESC, e.customer_event_id DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT e.at, e.operator_event_id * 4 + 1, e.actor, e.what, '', e.note, NULL, NULL
       FROM operator_event e
      WHERE (%(after_at)s::timestamptz IS NULL OR (e.at <= %(after_at)s
             AND (e.at, e.operator_event_id * 4 + 1) < (%(after_at)s, %(after_rank)s::bigint)))
        AND (%(since)s::timestamptz IS NULL OR e.at >= %(since)s)
        AND (%(until)s::timestamptz IS NULL OR e.at < %(until)s)
        AND (%(actor)s::text IS NULL OR e.actor = %(actor)s)
        AND (%(what)s::text IS NULL OR e.what = %(what)s)
        AND %(customer_id)s::bigint IS NULL
        AND (%(log)s::text IS NULL OR %(log)s = 'operators')
      ORDER BY e.at DESC, e.operator_event_id DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT e.at, e.event_id * 4 + 2, e.actor, 'cards ' || e.what, '',
            concat_ws(', ', e.serial_first || '–' || e.serial_last || ' (' || e.cards || ')', nullif(e.note, '')),
            NULL, NULL
       FROM card_event e
      WHERE (%(after_at)s::timestamptz IS NULL OR (e.at <= %(after_at)s
             AND (e.at, e.event_id * 4 + 2) < (%(after_at)s, %(after_rank)s::bigint)))
        AND (%(since)s::timestamptz IS NULL OR e.at >= %(since)s)
        AND (%(until)s::timestamptz IS NULL OR e.at < %(until)s)
        AND (%(actor)s::text IS NULL OR e.actor = %(actor)s)
        AND (%(what)s::text IS NULL OR 'cards ' || e.what = %(what)s)
        AND %(customer_id)s::bigint IS NULL
        AND (%(log)s::text IS NULL OR %(log)s = 'cards')
      ORDER BY e.at DESC, e.event_id DESC LIMIT %(limit)s)
) AS event
 ORDER BY at DESC, rank DESC LIMIT %(limit)s

-- list_runs --
-- Runs of billing jobs, newest first.
SELECT run_id, kind, as_of, started_at, finished_at, billed, parked, errors, reached_customer_id, note
  FROM billing_run
 WHERE (%(after)s::bigint IS NULL OR run_id < %(after)s)
   AND (%(kind)s::text IS NULL OR kind = %(kind)s)
   AND (NOT %(did_something)s OR finished_at IS NULL OR billed > 0 OR parked > 0 OR errors > 0)
 ORDER BY run_id DESC LIMIT %(limit)s

-- list_heartbeats --
-- Who is alive: the last beat of each program.
SELECT name, pid, at FROM process_heartbeat ORDER BY name

-- read_backlogs --
-- What waits, and since when. Counts end at 100,001.
SELECT (SELECT count(*) FROM (SELECT FROM acct_intake LIMIT 100001) i) AS intake,
       (SELECT min(received_at) FROM (SELECT received_at FROM acct_intake ORDER BY intake_id LIMIT 1) i)
           AS intake_since,
       (SELECT count(*) FROM acct_parked) AS packets_parked,
       (SELECT count(*) FROM outbox WHERE state IN ('pending', 'sending')) AS outbox,
       (SELECT min(created_at) FROM outbox WHERE state IN ('pending', 'sending')) AS outbox_since,
       (SELECT count(*) FROM outbox WHERE state = 'failed' AND created_at > %(since)s) AS outbox_failed,
       (SELECT count(*) FROM message WHERE state IN ('pending', 'sending')) AS messages,
       (SELECT count(*) FROM payment_attempt WHERE next_ask_at <= %(now)s) AS payments_to_ask,
       (SELECT count(*) FROM (SELECT FROM customer WHERE parked_reason IS NOT NULL LIMIT 10001) c) AS customers_parked
