-- load_access_state --
-- Everything a login decision needs, in one row; no row = nobody has that username.
-- %(username)s, %(nas_id)s, %(calling_station_id)s, %(service_date)s. Each join is one
-- look-up by key; sessions of the same device on the same NAS are counted apart,
-- because the login replaces them.
SELECT c.customer_id, c.status, c.suspend_reason, c.password_sealed, host(c.framed_ip) AS framed_ip,
       c.mac_binding, coalesce(c.sessions_allowed, p.sessions_allowed) AS sessions_allowed,
       w.posted - w.reserved + w.credit_limit AS available,
       p.package_id, p.billing, p.price, p.validity_seconds, p.validity_from,
       p.setup_fee, p.price_per_minute, p.price_per_mb, p.increment_seconds, p.increment_octets,
       p.minimum_charge, p.free_seconds, p.vat_percent, p.vat_inclusive,
       p.rate_up_bps, p.rate_down_bps, p.framed_pool,
       coalesce(p.interim_interval_seconds, n.interim_interval_seconds) AS interim_interval_seconds,
       p.idle_timeout_seconds,
       s.subscription_id, s.state AS subscription_state, s.valid_until,
       s.seconds_allowed - s.seconds_used AS seconds_left,
       s.octets_allowed - s.octets_used AS octets_left,
       d.customer_id IS NOT NULL AS day_is_charged,
       n.vendor,
       r.others, r.superseded_held, r.others_seconds, r.others_octets,
       nextval('acct_session_id') AS session_id
  FROM login l
  JOIN customer c ON c.customer_id = l.customer_id
  JOIN wallet w ON w.customer_id = l.customer_id
  JOIN package p ON p.package_id = c.package_id
  JOIN nas n ON n.nas_id = %(nas_id)s
  LEFT JOIN subscription s ON s.customer_id = l.customer_id AND s.state <> 'ended'
  LEFT JOIN service_day d ON d.customer_id = l.customer_id AND d.service_date = %(service_date)s
  CROSS JOIN LATERAL (
      SELECT count(*) FILTER (WHERE NOT a.same_device) AS others,
             coalesce(sum(a.held) FILTER (WHERE a.same_device), 0) AS superseded_held,
             -- Quota promised to the other running sessions and not yet used by them.
             coalesce(sum(greatest(a.limit_seconds - a.counted_seconds, 0)) FILTER (WHERE NOT a.same_device), 0)
                 AS others_seconds,
             coalesce(sum(greatest(a.limit_octets - a.counted_octets, 0)) FILTER (WHERE NOT a.same_device), 0)
                 AS others_octets
        FROM (SELECT x.nas_id = %(nas_id)s AND x.calling_station_id = %(calling_station_id)s
                         AND x.calling_station_id <> '' AS same_device,
                     x.limit_seconds, x.counted_seconds, x.limit_octets, x.counted_octets,
                     (SELECT v.held FROM reservation v
                       WHERE v.customer_id = x.customer_id AND v.session_id = x.session_id AND v.state = 'open') AS held
                FROM acct_session x
               WHERE x.customer_id = l.customer_id AND x.ended_at IS NULL) a
  ) r
 WHERE l.username = %(username)s
