-- find_cycle_customers --
-- Monthly customers for whom a period may have come due.
SELECT c.customer_id
  FROM customer c
  JOIN package p ON p.package_id = c.package_id AND p.billing = 'monthly'
 WHERE c.parked_reason IS NULL AND (c.billed_until IS NULL OR c.billed_until <= %(as_of)s)
   AND (%(profile_id)s::bigint IS NULL OR c.profile_id = %(profile_id)s)
 ORDER BY c.customer_id

-- count_cycle_customers --
-- How many these are, for the progress bar of who bills them.
SELECT count(*)
  FROM customer c
  JOIN package p ON p.package_id = c.package_id AND p.billing = 'monthly'
 WHERE c.parked_reason IS NULL AND (c.billed_until IS NULL OR c.billed_until <= %(as_of)s)
   AND (%(profile_id)s::bigint IS NULL OR c.profile_id = %(profile_id)s)

-- read_cycle_facts --
-- What a cycle bill of these customers is drafted from. Read after their wallets are
-- locked, so that nobody else is billing them; who is not monthly any more is left out.
SELECT c.customer_id, c.status, c.paused_at IS NOT NULL, c.package_id, c.profile_id, c.special_price,
       c.discount_percent, c.activated_at, c.billed_until
  FROM customer c
  JOIN package p ON p.package_id = c.package_id AND p.billing = 'monthly'
 WHERE c.customer_id = ANY (%(customer_ids)s) AND c.parked_reason IS NULL
 ORDER BY c.customer_id

-- read_unbilled_stretches --
-- Time of these customers that no cycle bill covers.
SELECT s.customer_id, s.started_at, s.ended_at
  FROM unbilled_stretch s JOIN customer c ON c.customer_id = s.customer_id
 WHERE s.customer_id = ANY (%(customer_ids)s)
   AND (s.ended_at IS NULL OR s.ended_at > coalesce(c.billed_until, '-infinity'))
 ORDER BY s.customer_id, s.started_at

-- read_cycle_packages --
-- Monthly packages.
SELECT package_id, name, billing, price, vat_percent, vat_inclusive FROM package WHERE billing = 'monthly'

-- read_profiles --
-- Billing profiles, as they are.
SELECT profile_id, name, billing_type, bill_trigger, bill_day, in_advance, cycle_ends_with_month, due_days,
       grace_days, due_threshold, auto_bill, auto_suspend, auto_activate, bill_while_suspended,
       suspended_state, suspended_pool, suspended_address_list, proration, vat_profile_id,
       minimum_validity_days, daily_charge
  FROM billing_profile ORDER BY profile_id

-- read_vat_profiles --
-- VAT profiles with their rates.
SELECT v.vat_profile_id, v.name, v.inclusive, v.registration_number,
       coalesce(array_agg(r.effective_from ORDER BY r.effective_from) FILTER (WHERE r.percent IS NOT NULL), '{}'),
       coalesce(array_agg(r.percent ORDER BY r.effective_from) FILTER (WHERE r.percent IS NOT NULL), '{}')
  FROM vat_profile v LEFT JOIN vat_rate r ON r.vat_profile_id = v.vat_profile_id
 GROUP BY v.vat_profile_id ORDER BY v.vat_profile_id

-- advance_customers --
-- Up to where these customers are billed.
UPDATE customer c SET billed_until = b.billed_until
  FROM unnest(%(customer_id)s::bigint[], %(billed_until)s::timestamptz[]) AS b (customer_id, billed_until)
 WHERE c.customer_id = b.customer_id
