-- find_day_customers --
-- Daily customers who have this service day not charged and are charged for every day;
-- those of the variant that pays only days used pay at their login.
SELECT c.customer_id
  FROM customer c
  JOIN package p ON p.package_id = c.package_id AND p.billing = 'daily'
  LEFT JOIN billing_profile f ON f.profile_id = c.profile_id
 WHERE c.status = 'active' AND c.paused_at IS NULL AND c.parked_reason IS NULL
   AND c.activated_at < %(day_end)s
   AND (f.profile_id IS NULL OR (f.billing_type = 'daily' AND f.daily_charge = 'every_day' AND f.auto_bill))
   AND (%(profile_id)s::bigint IS NULL OR c.profile_id = %(profile_id)s)
   AND NOT EXISTS (SELECT FROM service_day d WHERE d.customer_id = c.customer_id AND d.service_date = %(day)s)
 ORDER BY c.customer_id

-- count_day_customers --
-- How many these are, for the progress bar of who charges them.
SELECT count(*)
  FROM customer c
  JOIN package p ON p.package_id = c.package_id AND p.billing = 'daily'
  LEFT JOIN billing_profile f ON f.profile_id = c.profile_id
 WHERE c.status = 'active' AND c.paused_at IS NULL AND c.parked_reason IS NULL
   AND c.activated_at < %(day_end)s
   AND (f.profile_id IS NULL OR (f.billing_type = 'daily' AND f.daily_charge = 'every_day' AND f.auto_bill))
   AND (%(profile_id)s::bigint IS NULL OR c.profile_id = %(profile_id)s)
   AND NOT EXISTS (SELECT FROM service_day d WHERE d.customer_id = c.customer_id AND d.service_date = %(day)s)

-- find_day_wallets --
-- Active daily customers (of these, or NULL = all) who are charged for every day, with what
-- they have to pay days.
SELECT c.customer_id, c.username, c.package_id, w.posted - w.reserved + w.credit_limit, c.suspension_hold_until,
       EXISTS (SELECT FROM service_day d WHERE d.customer_id = c.customer_id AND d.service_date = %(today)s)
  FROM customer c
  JOIN wallet w ON w.customer_id = c.customer_id
  JOIN package p ON p.package_id = c.package_id AND p.billing = 'daily'
  LEFT JOIN billing_profile f ON f.profile_id = c.profile_id
 WHERE c.status = 'active' AND c.parked_reason IS NULL
   AND (f.profile_id IS NULL OR (f.billing_type = 'daily' AND f.daily_charge = 'every_day' AND f.auto_bill))
   AND (%(customer_ids)s::bigint[] IS NULL OR c.customer_id = ANY (%(customer_ids)s))
 ORDER BY c.customer_id

-- read_day_facts --
-- Of these customers under lock: still of these statuses, and the day still not charged;
-- for how many days a suspended one must have money, and whether an active one is held.
SELECT c.customer_id, c.package_id,
       CASE WHEN c.status = 'suspended' THEN coalesce(f.minimum_validity_days, 1) ELSE 1 END,
       CASE WHEN c.status = 'active' AND c.suspension_hold_until > %(now)s THEN c.suspension_hold_until END,
       coalesce(f.auto_suspend, true)
  FROM customer c
  JOIN package p ON p.package_id = c.package_id AND p.billing = 'daily'
  LEFT JOIN billing_profile f ON f.profile_id = c.profile_id
 WHERE c.customer_id = ANY (%(customer_ids)s) AND c.status = ANY (%(statuses)s)
   AND NOT EXISTS (SELECT FROM service_day d WHERE d.customer_id = c.customer_id AND d.service_date = %(day)s)
 ORDER BY c.customer_id

-- read_holds --
-- Of these customers those who are not to be suspended yet: until when, and whether by
-- their profile they are at all.
SELECT c.customer_id, c.suspension_hold_until, coalesce(f.auto_suspend, true)
  FROM customer c LEFT JOIN billing_profile f ON f.profile_id = c.profile_id
 WHERE c.customer_id = ANY (%(customer_ids)s) AND c.status = 'active' AND c.suspension_hold_until > %(now)s

-- insert_owed_days --
-- The service day that bills of what is owed for it are for.
INSERT INTO service_day (customer_id, service_date, amount, bill_id, entry_id)
SELECT b.customer_id, %(day)s, b.gross, b.bill_id, e.entry_id
  FROM bill b
  JOIN ledger_entry e ON e.customer_id = b.customer_id AND e.idempotency_key = 'bill:owed_day:' || b.subject
 WHERE b.customer_id = ANY (%(customer_ids)s) AND b.kind = 'owed_day' AND b.subject = (%(day)s::date)::text

-- insert_service_days --
-- The service days of a batch, each with its bill and entry.
INSERT INTO service_day (customer_id, service_date, amount, bill_id, entry_id)
SELECT customer_id, %(day)s, amount, bill_id, entry_id
  FROM unnest(%(customer_id)s::bigint[], %(amount)s::numeric[], %(bill_id)s::bigint[], %(entry_id)s::bigint[])
       AS d (customer_id, amount, bill_id, entry_id)
