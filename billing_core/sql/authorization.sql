-- What a login asks. Each statement answers many logins at once: of each parameter it gets
-- an array, and of each login that it finds one row, which begins with its place in them.

-- load_access_state --
-- What a login decision needs of the customer; no row = nobody has that username.
-- %(usernames)s, %(service_dates)s. Each join is one look-up by key. Packages and NAS are
-- read apart and kept for a second: with them here, this cost a third more.
-- Not by EXISTS: a plan made while nobody was online would read all who are.
WITH l AS MATERIALIZED (
    SELECT place, service_date,
           (SELECT customer_id FROM login WHERE login.username = asked.username) AS customer_id
      FROM unnest(%(usernames)s::text[], %(service_dates)s::date[])
           WITH ORDINALITY AS asked (username, service_date, place))
SELECT l.place, c.package_id, c.customer_id, c.status, c.password_sealed, c.hotspot_key_sealed,
       c.framed_ip, c.mac_binding, c.sessions_allowed, c.reduced_until,
       w.posted - w.reserved + w.credit_limit AS available,
       s.subscription_id, s.state AS subscription_state, s.valid_until,
       s.seconds_allowed - s.seconds_used AS seconds_left,
       s.octets_allowed - s.octets_used AS octets_left,
       (SELECT true FROM service_day d
         WHERE d.customer_id = l.customer_id AND d.service_date = l.service_date) AS day_is_charged,
       (SELECT true FROM acct_session x
         WHERE x.customer_id = l.customer_id AND x.ended_at IS NULL LIMIT 1) AS has_running,
       nextval('acct_session_id') AS session_id
  FROM l
  JOIN customer c ON c.customer_id = l.customer_id
  JOIN wallet w ON w.customer_id = l.customer_id
  LEFT JOIN subscription s ON s.customer_id = l.customer_id AND s.state <> 'ended'

-- load_package --
-- What a login must know of a package. %(package_ids)s.
SELECT asked.place, p.package_id, p.billing, p.sessions_allowed, p.validity_seconds,
       p.rate_up_bps, p.rate_down_bps, p.fair_use_rate_up_bps, p.fair_use_rate_down_bps,
       p.framed_pool, p.interim_interval_seconds, p.idle_timeout_seconds,
       p.price, p.setup_fee, p.price_per_minute, p.price_per_mb, p.increment_seconds, p.increment_octets,
       p.minimum_charge, p.free_seconds, p.vat_percent, p.vat_inclusive
  FROM unnest(%(package_ids)s::bigint[]) WITH ORDINALITY AS asked (package_id, place)
  JOIN package p USING (package_id)

-- load_nas --
-- What a login must know of a NAS; a disabled one is none. %(nas_ids)s.
SELECT asked.place, n.vendor, n.interim_interval_seconds
  FROM unnest(%(nas_ids)s::bigint[]) WITH ORDINALITY AS asked (nas_id, place)
  JOIN nas n USING (nas_id)
 WHERE NOT n.is_disabled

-- load_running --
-- Of each running session of a customer who has some: is it of the same device on the same
-- NAS (then this login replaces it), what it was promised and has not used, what it holds.
-- Asked apart, so that other logins do not pay for it.
-- %(customer_ids)s, %(nas_ids)s, %(calling_station_ids)s.
SELECT asked.place, ARRAY(
    SELECT concat_ws(' ', x.nas_id = asked.nas_id AND x.calling_station_id = asked.calling_station_id
                          AND x.calling_station_id <> '',
                     greatest(x.limit_seconds - x.counted_seconds, 0),
                     greatest(x.limit_octets - x.counted_octets, 0),
                     coalesce((SELECT v.held FROM reservation v
                                WHERE v.customer_id = x.customer_id AND v.session_id = x.session_id
                                  AND v.state = 'open'), 0.00))
      FROM acct_session x
     WHERE x.customer_id = asked.customer_id AND x.ended_at IS NULL)
  FROM unnest(%(customer_ids)s::bigint[], %(nas_ids)s::bigint[], %(calling_station_ids)s::text[])
       WITH ORDINALITY AS asked (customer_id, nas_id, calling_station_id, place)

-- load_suspension --
-- Of a suspended customer: why, and what his billing profile gives him then. Asked apart,
-- so that other logins do not pay for it. %(customer_ids)s.
SELECT asked.place,
       concat_ws(' ', c.suspend_reason, coalesce(f.suspended_state, 'reject'),
                 coalesce(f.suspended_pool, f.suspended_address_list))
  FROM unnest(%(customer_ids)s::bigint[]) WITH ORDINALITY AS asked (customer_id, place)
  JOIN customer c USING (customer_id)
  LEFT JOIN billing_profile f ON f.profile_id = c.profile_id

-- open_plain_sessions --
-- Open the sessions of logins that were granted; a row for each that is open. %(grants)s
-- and of each its session_id; stations, called stations, ports and Acct-Session-Ids as the
-- NAS wrote them.
SELECT array_position(%(session_ids)s::bigint[], opened)
  FROM open_plain_sessions(%(grants)s::text[], %(stations)s::text[], %(called)s::text[],
                           %(ports)s::text[], %(acct_session_ids)s::text[]) AS opened
