-- insert_nas --
-- Register a NAS.
INSERT INTO nas (name, address, secret, vendor, coa_address, coa_port, coa_secret, accepts_coa,
                 coa_event_timestamp, coa_message_authenticator, coa_identification,
                 octets_swapped, interim_interval_seconds)
VALUES (%(name)s, %(address)s, %(secret)s, %(vendor)s, %(coa_address)s, %(coa_port)s, %(coa_secret)s,
        %(accepts_coa)s, %(coa_event_timestamp)s, %(coa_message_authenticator)s,
        %(coa_identification)s, %(octets_swapped)s,
        %(interim_interval_seconds)s)
RETURNING nas_id

-- list_nas --
-- Every NAS, with what an operator looks for first.
SELECT nas_id, name, host(address) AS address, secret, vendor, host(coa_address) AS coa_address, coa_port,
       coa_secret, accepts_coa, coa_event_timestamp, coa_message_authenticator, coa_identification,
       octets_swapped, interim_interval_seconds
  FROM nas ORDER BY nas_id

-- set_coa_port --
-- Where a NAS takes CoA from now on.
UPDATE nas SET coa_port = %(coa_port)s WHERE name = %(name)s
