-- load_access_state --
-- What a login decision needs of the customer, in one row; no row = nobody has that
-- username. %(username)s, %(service_date)s. Each join is one look-up by key. Packages
-- and NAS are read apart and kept for a second: with them here, this cost a third more.
SELECT c.package_id, c.customer_id, c.status, c.password_sealed, c.hotspot_key_sealed, c.framed_ip, c.mac_binding,
       c.sessions_allowed, c.reduced_until,
       w.posted - w.reserved + w.credit_limit AS available,
       s.subscription_id, s.state AS subscription_state, s.valid_until,
       s.seconds_allowed - s.seconds_used AS seconds_left,
       s.octets_allowed - s.octets_used AS octets_left,
       EXISTS (
           SELECT FROM service_day d
            WHERE d.customer_id = l.customer_id AND d.service_date = %(service_date)s) AS day_is_charged,
       EXISTS (
           SELECT FROM acct_session x
            WHERE x.customer_id = l.customer_id AND x.ended_at IS NULL) AS has_running,
       nextval('acct_session_id') AS session_id
  FROM login l
  JOIN customer c ON c.customer_id = l.customer_id
  JOIN wallet w ON w.customer_id = l.customer_id
  LEFT JOIN subscription s ON s.customer_id = l.customer_id AND s.state <> 'ended'
 WHERE l.username = %(username)s

-- load_package --
-- What a login must know of a package. %(package_id)s.
SELECT p.package_id, p.billing, p.sessions_allowed, p.validity_seconds,
       p.rate_up_bps, p.rate_down_bps, p.fair_use_rate_up_bps, p.fair_use_rate_down_bps,
       p.framed_pool, p.interim_interval_seconds, p.idle_timeout_seconds,
       p.price, p.setup_fee, p.price_per_minute, p.price_per_mb, p.increment_seconds, p.increment_octets,
       p.minimum_charge, p.free_seconds, p.vat_percent, p.vat_inclusive
  FROM package p
 WHERE p.package_id = %(package_id)s

-- load_nas --
-- What a login must know of a NAS; a disabled one is none. %(nas_id)s.
SELECT n.vendor, n.interim_interval_seconds FROM nas n WHERE n.nas_id = %(nas_id)s AND NOT n.is_disabled

-- load_running --
-- Of each running session of a customer who has some: is it of the same device on the same
-- NAS (then this login replaces it), what it was promised and has not used, what it holds.
-- Asked apart, so that other logins do not pay for it.
-- %(customer_id)s, %(nas_id)s, %(calling_station_id)s.
SELECT ARRAY(
    SELECT concat_ws(' ', x.nas_id = %(nas_id)s AND x.calling_station_id = %(calling_station_id)s
                          AND x.calling_station_id <> '',
                     greatest(x.limit_seconds - x.counted_seconds, 0),
                     greatest(x.limit_octets - x.counted_octets, 0),
                     coalesce((SELECT v.held FROM reservation v
                                WHERE v.customer_id = x.customer_id AND v.session_id = x.session_id
                                  AND v.state = 'open'), 0.00))
      FROM acct_session x
     WHERE x.customer_id = %(customer_id)s AND x.ended_at IS NULL)

-- load_suspension --
-- Of a suspended customer: why, and what his billing profile gives him then. Asked apart,
-- so that other logins do not pay for it. %(customer_id)s.
SELECT concat_ws(' ', c.suspend_reason, coalesce(f.suspended_state, 'reject'),
                 coalesce(f.suspended_pool, f.suspended_address_list))
  FROM customer c LEFT JOIN billing_profile f ON f.profile_id = c.profile_id
 WHERE c.customer_id = %(customer_id)s
