-- insert_package --
-- Put a package on sale.
INSERT INTO package (name, billing, price, validity_seconds, validity_from, quota_seconds, quota_octets,
                     setup_fee, price_per_minute, price_per_mb, increment_seconds, increment_octets,
                     minimum_charge, free_seconds, vat_percent, vat_inclusive, rate_up_bps, rate_down_bps,
                     fair_use_octets, fair_use_rate_up_bps, fair_use_rate_down_bps, framed_pool, sessions_allowed,
                     interim_interval_seconds, idle_timeout_seconds)
VALUES (%(name)s, %(billing)s, %(price)s, %(validity_seconds)s, %(validity_from)s, %(quota_seconds)s,
        %(quota_octets)s, %(setup_fee)s, %(price_per_minute)s, %(price_per_mb)s, %(increment_seconds)s,
        %(increment_octets)s, %(minimum_charge)s, %(free_seconds)s, %(vat_percent)s, %(vat_inclusive)s,
        %(rate_up_bps)s, %(rate_down_bps)s, %(fair_use_octets)s, %(fair_use_rate_up_bps)s,
        %(fair_use_rate_down_bps)s, %(framed_pool)s, %(sessions_allowed)s,
        %(interim_interval_seconds)s, %(idle_timeout_seconds)s)
RETURNING package_id

-- list_packages --
-- Every package, in the order in which they were made.
SELECT package_id, name, billing, price, validity_seconds, validity_from, quota_seconds, quota_octets,
       setup_fee, price_per_minute, price_per_mb, increment_seconds, increment_octets, minimum_charge,
       free_seconds, vat_percent, vat_inclusive, rate_up_bps, rate_down_bps, fair_use_octets,
       fair_use_rate_up_bps, fair_use_rate_down_bps, framed_pool, sessions_allowed,
       interim_interval_seconds, idle_timeout_seconds, is_withdrawn
  FROM package ORDER BY package_id

-- lock_package --
-- Whoever changes a package at the same moment waits here.
SELECT FROM package WHERE package_id = %(package_id)s FOR UPDATE

-- update_package --
-- Say anew what a package is; how it is billed stays.
UPDATE package
   SET name = %(name)s, price = %(price)s, validity_seconds = %(validity_seconds)s, validity_from = %(validity_from)s,
       quota_seconds = %(quota_seconds)s, quota_octets = %(quota_octets)s, setup_fee = %(setup_fee)s,
       price_per_minute = %(price_per_minute)s, price_per_mb = %(price_per_mb)s,
       increment_seconds = %(increment_seconds)s, increment_octets = %(increment_octets)s,
       minimum_charge = %(minimum_charge)s, free_seconds = %(free_seconds)s, vat_percent = %(vat_percent)s,
       vat_inclusive = %(vat_inclusive)s, rate_up_bps = %(rate_up_bps)s, rate_down_bps = %(rate_down_bps)s,
       fair_use_octets = %(fair_use_octets)s, fair_use_rate_up_bps = %(fair_use_rate_up_bps)s,
       fair_use_rate_down_bps = %(fair_use_rate_down_bps)s,
       framed_pool = %(framed_pool)s, sessions_allowed = %(sessions_allowed)s,
       interim_interval_seconds = %(interim_interval_seconds)s, idle_timeout_seconds = %(idle_timeout_seconds)s
 WHERE package_id = %(package_id)s

-- set_withdrawn --
-- Sell a package no more, or again.
UPDATE package SET is_withdrawn = %(is_withdrawn)s
 WHERE package_id = %(package_id)s AND is_withdrawn <> %(is_withdrawn)s

-- read_package_uses --
-- What hangs on a package; customers are counted up to 100,001.
SELECT (SELECT count(*) FROM (SELECT FROM customer WHERE package_id = %(package_id)s LIMIT 100001) c) AS customers,
       (SELECT count(*) FROM (SELECT FROM customer WHERE package_id = %(package_id)s AND special_price IS NOT NULL
                               LIMIT 100001) c) AS with_special_price,
       (SELECT count(*) FROM acct_session WHERE package_id = %(package_id)s AND ended_at IS NULL) AS sessions,
       (SELECT count(*) FROM card_batch b JOIN card c ON c.batch_id = b.batch_id AND c.state IN ('generated', 'active')
         WHERE b.package_id = %(package_id)s AND (b.expires_at IS NULL OR b.expires_at > %(now)s)) AS cards,
       (SELECT min(b.face_value) FROM card_batch b
         WHERE b.package_id = %(package_id)s AND (b.expires_at IS NULL OR b.expires_at > %(now)s)
           AND EXISTS (SELECT FROM card c WHERE c.batch_id = b.batch_id AND c.state IN ('generated', 'active')))
           AS least_card

-- count_package_customers --
-- How many customers are on each package; each is counted up to 100,001.
SELECT p.package_id, (SELECT count(*) FROM (SELECT FROM customer c WHERE c.package_id = p.package_id LIMIT 100001) n)
  FROM package p
