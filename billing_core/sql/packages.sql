-- insert_package --
-- Put a package on sale.
INSERT INTO package (name, billing, price, validity_seconds, validity_from, quota_seconds, quota_octets,
                     setup_fee, price_per_minute, price_per_mb, increment_seconds, increment_octets,
                     minimum_charge, free_seconds, vat_percent, vat_inclusive, rate_up_bps, rate_down_bps,
                     framed_pool, sessions_allowed, interim_interval_seconds, idle_timeout_seconds)
VALUES (%(name)s, %(billing)s, %(price)s, %(validity_seconds)s, %(validity_from)s, %(quota_seconds)s,
        %(quota_octets)s, %(setup_fee)s, %(price_per_minute)s, %(price_per_mb)s, %(increment_seconds)s,
        %(increment_octets)s, %(minimum_charge)s, %(free_seconds)s, %(vat_percent)s, %(vat_inclusive)s,
        %(rate_up_bps)s, %(rate_down_bps)s, %(framed_pool)s, %(sessions_allowed)s,
        %(interim_interval_seconds)s, %(idle_timeout_seconds)s)
RETURNING package_id

-- list_packages --
-- Every package, in the order in which they were made.
SELECT package_id, name, billing, price, validity_seconds, validity_from, quota_seconds, quota_octets,
       setup_fee, price_per_minute, price_per_mb, increment_seconds, increment_octets, minimum_charge,
       free_seconds, vat_percent, vat_inclusive, rate_up_bps, rate_down_bps, framed_pool, sessions_allowed,
       interim_interval_seconds, idle_timeout_seconds
  FROM package ORDER BY package_id
