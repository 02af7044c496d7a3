-- take_static_address --
-- An address for one customer alone.
INSERT INTO static_address (framed_ip, customer_id) VALUES (%(framed_ip)s, %(customer_id)s)

-- release_static_address --
-- The address of a customer is free again.
DELETE FROM static_address WHERE customer_id = %(customer_id)s

-- set_framed_ip --
-- What his logins are given; NULL = an address of the pool.
UPDATE customer SET framed_ip = %(framed_ip)s WHERE customer_id = %(customer_id)s

-- list_taken_addresses --
-- Which of these addresses somebody has.
SELECT host(framed_ip) FROM static_address WHERE framed_ip = ANY(%(addresses)s::inet[])

-- copy_static_addresses --
-- Those of many new customers at once; one that is taken ends it all.
COPY static_address (framed_ip, customer_id) FROM STDIN
