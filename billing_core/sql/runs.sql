-- start_run --
-- A run begins.
INSERT INTO billing_run (kind, as_of, profile_id, started_at, note)
VALUES (%(kind)s, %(as_of)s, %(profile_id)s, %(now)s, %(note)s)
RETURNING run_id

-- note_progress --
-- How far a run came, in the transaction that did it.
UPDATE billing_run SET billed = billed + %(billed)s, parked = parked + %(parked)s, errors = errors + %(errors)s,
       reached_customer_id = greatest(reached_customer_id, %(reached)s)
 WHERE run_id = %(run_id)s

-- finish_run --
-- A run came to its end.
UPDATE billing_run SET finished_at = %(now)s WHERE run_id = %(run_id)s

-- has_finished_run --
-- Whether a run of everybody as of this moment or later came to its end.
SELECT EXISTS (SELECT FROM billing_run WHERE kind = %(kind)s AND as_of >= %(since)s AND finished_at IS NOT NULL
                  AND profile_id IS NULL)

-- list_runs --
-- The newest runs.
SELECT run_id, kind, as_of, started_at, finished_at, billed, parked, errors, reached_customer_id, note
  FROM billing_run ORDER BY run_id DESC LIMIT %(limit)s

-- park_customers --
-- Left out of runs until a person has looked.
UPDATE customer c SET parked_reason = p.reason
  FROM unnest(%(customer_id)s::bigint[], %(reason)s::text[]) AS p (customer_id, reason)
 WHERE c.customer_id = p.customer_id

-- unpark_customer --
-- A person has looked.
UPDATE customer SET parked_reason = NULL WHERE customer_id = %(customer_id)s AND parked_reason IS NOT NULL

-- list_parked --
-- Customers that runs leave out, and why.
SELECT customer_id, username, parked_reason FROM customer WHERE parked_reason IS NOT NULL
 ORDER BY customer_id LIMIT %(limit)s
