-- insert_nas --
-- Register a NAS.
INSERT INTO nas (name, address, secret, vendor, coa_address, coa_port, coa_secret, accepts_coa,
                 coa_event_timestamp, coa_message_authenticator, coa_identification,
                 octets_swapped, interim_interval_seconds)
VALUES (%(name)s, %(address)s, %(secret)s, %(vendor)s, %(coa_address)s, %(coa_port)s, nullif(%(coa_secret)s, ''),
        %(accepts_coa)s, %(coa_event_timestamp)s, %(coa_message_authenticator)s,
        %(coa_identification)s, %(octets_swapped)s,
        %(interim_interval_seconds)s)
RETURNING nas_id

-- list_nas --
-- Every NAS, with what an operator looks for first.
SELECT nas_id, name, host(address) AS address, secret, vendor, host(coa_address) AS coa_address, coa_port,
       coa_secret, accepts_coa, coa_event_timestamp, coa_message_authenticator, coa_identification,
       octets_swapped, interim_interval_seconds, is_disabled
  FROM nas ORDER BY nas_id

-- update_nas --
-- Say anew what a NAS is; a secret that is not said stays.
UPDATE nas
   SET name = %(name)s, address = %(address)s, secret = coalesce(nullif(%(secret)s, ''), secret), vendor = %(vendor)s,
       coa_address = %(coa_address)s, coa_port = %(coa_port)s,
       coa_secret = CASE %(coa_secret)s::text WHEN '' THEN coa_secret ELSE %(coa_secret)s END,
       accepts_coa = %(accepts_coa)s, coa_event_timestamp = %(coa_event_timestamp)s,
       coa_message_authenticator = %(coa_message_authenticator)s, coa_identification = %(coa_identification)s,
       octets_swapped = %(octets_swapped)s, interim_interval_seconds = %(interim_interval_seconds)s
 WHERE nas_id = %(nas_id)s

-- set_nas_disabled --
-- Let nobody in from a NAS, or again.
UPDATE nas SET is_disabled = %(is_disabled)s WHERE nas_id = %(nas_id)s AND is_disabled <> %(is_disabled)s

-- forget_unknown_nas --
-- It is known now.
DELETE FROM unknown_nas WHERE address = %(address)s

-- set_coa_port --
-- Where a NAS takes CoA from now on.
UPDATE nas SET coa_port = %(coa_port)s WHERE name = %(name)s
