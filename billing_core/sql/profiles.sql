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
-- Every billing profile, with how many customers are on it.
SELECT f.profile_id, f.name, f.billing_type, f.bill_trigger, f.bill_day, f.in_advance, f.cycle_ends_with_month,
       f.due_days, f.grace_days, f.due_threshold, f.auto_bill, f.auto_suspend, f.auto_activate,
       f.bill_while_suspended, f.suspended_state, f.suspended_pool, f.suspended_address_list, f.proration,
       f.vat_profile_id, f.minimum_validity_days, f.daily_charge,
       (SELECT count(*) FROM customer c WHERE c.profile_id = f.profile_id) AS customers
  FROM billing_profile f ORDER BY f.profile_id

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
