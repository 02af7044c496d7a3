-- insert_profile --
-- A billing profile.
INSERT INTO billing_profile (name, billing_type, bill_trigger, bill_day, in_advance, cycle_ends_with_month,
                             due_days, grace_days, due_threshold, auto_bill, auto_suspend, auto_activate,
                             bill_while_suspended, suspended_state, suspended_pool, suspended_address_list,
                             proration, vat_profile_id, minimum_validity_days, daily_charge)
VALUES (%(name)s, %(billing_type)s, %(bill_trigger)s, %(bill_day)s, %(in_advance)s, %(cycle_ends_with_month)s,
        %(due_days)s, %(grace_days)s, %(due_threshold)s, %(auto_bill)s, %(auto_suspend)s, %(auto_activate)s,
        %(bill_while_suspended)s, %(suspended_state)s, %(suspended_pool)s, %(suspended_address_list)s,
        %(proration)s, %(vat_profile_id)s, %(minimum_validity_days)s, %(daily_charge)s)
RETURNING profile_id

-- list_profiles --
-- Every billing profile.
SELECT f.profile_id, f.name, f.billing_type, f.bill_trigger, f.bill_day, f.in_advance, f.cycle_ends_with_month,
       f.due_days, f.grace_days, f.due_threshold, f.auto_bill, f.auto_suspend, f.auto_activate,
       f.bill_while_suspended, f.suspended_state, f.suspended_pool, f.suspended_address_list, f.proration,
       f.vat_profile_id, f.minimum_validity_days, f.daily_charge
  FROM billing_profile f ORDER BY f.profile_id

-- count_customers --
-- How many customers are on each billing profile that has any, or on one.
SELECT c.profile_id, count(*) FROM customer c
 WHERE c.profile_id IS NOT NULL AND (%(profile_id)s::bigint IS NULL OR c.profile_id = %(profile_id)s)
 GROUP BY c.profile_id

-- insert_vat_profile --
-- A VAT profile.
INSERT INTO vat_profile (name, registration_number, inclusive)
VALUES (%(name)s, %(registration_number)s, %(inclusive)s) RETURNING vat_profile_id

-- insert_vat_rate --
-- The rate of a VAT profile from a date on.
INSERT INTO vat_rate (vat_profile_id, effective_from, percent)
VALUES (%(vat_profile_id)s, %(effective_from)s, %(percent)s)

-- find_vat_profile --
-- The VAT profile of this name.
SELECT vat_profile_id FROM vat_profile WHERE name = %(name)s

-- set_profile --
-- Put a customer on a billing profile.
UPDATE customer SET profile_id = %(profile_id)s, parked_reason = NULL WHERE customer_id = %(customer_id)s

-- lock_profile --
-- Guards what is changed of a profile against who changes it at the same moment.
SELECT profile_id FROM billing_profile WHERE profile_id = %(profile_id)s FOR UPDATE

-- update_profile --
-- What is said of a billing profile, anew.
UPDATE billing_profile
   SET name = %(name)s, billing_type = %(billing_type)s, bill_trigger = %(bill_trigger)s, bill_day = %(bill_day)s,
       in_advance = %(in_advance)s, cycle_ends_with_month = %(cycle_ends_with_month)s, due_days = %(due_days)s,
       grace_days = %(grace_days)s, due_threshold = %(due_threshold)s, auto_bill = %(auto_bill)s,
       auto_suspend = %(auto_suspend)s, auto_activate = %(auto_activate)s,
       bill_while_suspended = %(bill_while_suspended)s, suspended_state = %(suspended_state)s,
       suspended_pool = %(suspended_pool)s, suspended_address_list = %(suspended_address_list)s,
       proration = %(proration)s, vat_profile_id = %(vat_profile_id)s,
       minimum_validity_days = %(minimum_validity_days)s, daily_charge = %(daily_charge)s
 WHERE profile_id = %(profile_id)s

-- delete_profile --
-- A profile that no customer is on; the foreign key refuses any other.
DELETE FROM billing_profile WHERE profile_id = %(profile_id)s

-- list_customers_on --
-- Customers on a profile, after one of them.
SELECT customer_id, username FROM customer
 WHERE profile_id = %(profile_id)s AND customer_id > %(after)s
 ORDER BY customer_id LIMIT %(limit)s

-- list_vat_profiles --
-- VAT profiles with their rates, the newest first, and how many billing profiles use each.
SELECT v.vat_profile_id, v.name, v.registration_number, v.inclusive,
       (SELECT count(*) FROM billing_profile f WHERE f.vat_profile_id = v.vat_profile_id) AS profiles,
       coalesce(array_agg(r.effective_from ORDER BY r.effective_from DESC) FILTER (WHERE r.percent IS NOT NULL), '{}')
           AS effective_from,
       coalesce(array_agg(r.percent ORDER BY r.effective_from DESC) FILTER (WHERE r.percent IS NOT NULL), '{}')
           AS percent
  FROM vat_profile v LEFT JOIN vat_rate r ON r.vat_profile_id = v.vat_profile_id
 GROUP BY v.vat_profile_id ORDER BY v.name
