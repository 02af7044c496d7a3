-- insert_customer --
-- A new customer.
INSERT INTO customer (username, name, mobile, password_sealed, package_id, framed_ip, mac_binding, sessions_allowed,
                      kind, profile_id, activated_at, special_price, discount_percent, mail, language,
                      operator_id, zone, address, comment)
VALUES (%(username)s, %(name)s, %(mobile)s, %(password_sealed)s, %(package_id)s, %(framed_ip)s,
        %(mac_binding)s, %(sessions_allowed)s, %(kind)s, %(profile_id)s, %(activated_at)s, %(special_price)s,
        %(discount_percent)s, %(mail)s, %(language)s, %(operator_id)s, %(zone)s, %(address)s, %(comment)s)
RETURNING customer_id

-- insert_login --
-- Take the username; it is unique here and nowhere else.
INSERT INTO login (username, customer_id) VALUES (%(username)s, %(customer_id)s)

-- insert_wallet --
-- An empty wallet.
INSERT INTO wallet (customer_id, credit_limit) VALUES (%(customer_id)s, %(credit_limit)s)

-- set_credit_limit --
-- How much a customer may owe.
UPDATE wallet SET credit_limit = %(credit_limit)s WHERE customer_id = %(customer_id)s

-- find_customer_id --
-- Who has this username.
SELECT customer_id FROM login WHERE username = %(username)s

-- read_customer --
-- One customer with wallet and package.
SELECT c.customer_id, c.username, c.name, c.mobile, c.status, c.suspend_reason, c.package_id,
       p.name AS package, p.billing, host(c.framed_ip) AS framed_ip, c.mac_binding,
       coalesce(c.sessions_allowed, p.sessions_allowed) AS sessions_allowed, c.created_at,
       w.posted, w.reserved, w.posted - w.reserved + w.credit_limit AS available, w.credit_limit,
       c.kind, f.name AS profile, c.special_price, c.discount_percent, c.activated_at, c.billed_until,
       c.suspension_hold_until, c.parked_reason, w.due, c.mail, c.language, c.operator_id, c.zone,
       c.address, c.comment
  FROM customer c
  JOIN package p ON p.package_id = c.package_id
  JOIN wallet w ON w.customer_id = c.customer_id
  LEFT JOIN billing_profile f ON f.profile_id = c.profile_id
 WHERE c.customer_id = %(customer_id)s

-- list_customers --
-- A page of customers after a customer id, in order of id.
SELECT c.customer_id, c.username, c.name, c.mobile, c.status, c.suspend_reason, c.package_id,
       p.name AS package, p.billing, host(c.framed_ip) AS framed_ip, c.mac_binding,
       coalesce(c.sessions_allowed, p.sessions_allowed) AS sessions_allowed, c.created_at,
       w.posted, w.reserved, w.posted - w.reserved + w.credit_limit AS available, w.credit_limit,
       c.kind, f.name AS profile, c.special_price, c.discount_percent, c.activated_at, c.billed_until,
       c.suspension_hold_until, c.parked_reason, w.due, c.mail, c.language, c.operator_id, c.zone,
       c.address, c.comment
  FROM customer c
  JOIN package p ON p.package_id = c.package_id
  JOIN wallet w ON w.customer_id = c.customer_id
  LEFT JOIN billing_profile f ON f.profile_id = c.profile_id
 WHERE c.customer_id > %(after)s
 ORDER BY c.customer_id LIMIT %(limit)s

-- read_subscription --
-- What a customer has of his package.
SELECT s.subscription_id, s.package_id, p.name AS package, s.state, s.started_at, s.valid_until,
       s.seconds_allowed, s.octets_allowed, s.seconds_used, s.octets_used
  FROM subscription s JOIN package p ON p.package_id = s.package_id
 WHERE s.customer_id = %(customer_id)s AND s.state <> 'ended'

-- insert_subscription --
-- A package that was bought.
INSERT INTO subscription (customer_id, package_id, state, started_at, valid_until, seconds_allowed, octets_allowed)
VALUES (%(customer_id)s, %(package_id)s, %(state)s, %(started_at)s, %(valid_until)s, %(seconds_allowed)s,
        %(octets_allowed)s)
RETURNING subscription_id

-- extend_subscription --
-- More of the same package: what was bought is added to what is left.
UPDATE subscription
   SET valid_until = %(valid_until)s, seconds_allowed = seconds_allowed + %(seconds)s,
       octets_allowed = octets_allowed + %(octets)s
 WHERE customer_id = %(customer_id)s AND subscription_id = %(subscription_id)s

-- end_subscription --
-- The end of a package, used up or replaced.
UPDATE subscription SET state = 'ended', ended_at = %(now)s
 WHERE customer_id = %(customer_id)s AND state <> 'ended'

-- set_package --
-- Put a customer on a package.
UPDATE customer SET package_id = %(package_id)s WHERE customer_id = %(customer_id)s

-- set_status --
-- Suspend, disable or activate a customer who is not so already.
UPDATE customer SET status = %(status)s, suspend_reason = %(reason)s
 WHERE customer_id = %(customer_id)s AND status <> %(status)s

-- set_mac_binding --
-- Bind a customer to a device, or (NULL) to none.
UPDATE customer SET mac_binding = %(mac)s WHERE customer_id = %(customer_id)s

-- set_password --
-- Replace a customer's sealed password; what stood for the old one ends with it.
UPDATE customer SET password_sealed = %(password_sealed)s, hotspot_key_sealed = NULL
 WHERE customer_id = %(customer_id)s

-- read_password_of --
-- A customer's password, for the portal.
SELECT password_sealed FROM customer WHERE customer_id = %(customer_id)s

-- read_hotspot_key --
-- The key of one of his devices, under his row's lock: two pages make one key.
SELECT hotspot_key_sealed FROM customer WHERE customer_id = %(customer_id)s FOR NO KEY UPDATE

-- set_hotspot_key --
-- Give a customer's device a key.
UPDATE customer SET hotspot_key_sealed = %(sealed)s WHERE customer_id = %(customer_id)s

-- set_contact --
-- Who a customer is and how he is reached.
UPDATE customer
   SET name = %(name)s, mobile = %(mobile)s, mail = %(mail)s, language = %(language)s, zone = %(zone)s,
       address = %(address)s, comment = %(comment)s
 WHERE customer_id = %(customer_id)s

-- set_language --
-- What a customer reads and is written to in.
UPDATE customer SET language = %(language)s WHERE customer_id = %(customer_id)s

-- set_operator --
-- Whose customer he is; NULL = the provider's own.
UPDATE customer SET operator_id = %(operator_id)s WHERE customer_id = %(customer_id)s

-- insert_customer_event --
-- Log who did what to a customer, and why.
INSERT INTO customer_event (customer_id, at, actor, what, reason, note)
VALUES (%(customer_id)s, %(at)s, %(actor)s, %(what)s, %(reason)s, %(note)s)

-- list_customer_events --
-- A customer's log, newest first.
SELECT at, actor, what, reason, note FROM customer_event
 WHERE customer_id = %(customer_id)s ORDER BY customer_event_id DESC LIMIT %(limit)s
