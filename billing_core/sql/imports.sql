-- insert_import --
-- A file to look at; the sealed content waits for a decision.
INSERT INTO customer_import (uploaded_at, actor, file_name, sha256, sealed)
VALUES (%(now)s, %(actor)s, %(file_name)s, %(sha256)s, %(sealed)s)
RETURNING import_id

-- forget_old_files --
-- Passwords of people stand in files that nobody decided on: they are not kept.
UPDATE customer_import SET sealed = NULL WHERE sealed IS NOT NULL AND uploaded_at < %(before)s

-- forget_file --
-- Throw a file away that is not to be imported.
UPDATE customer_import SET sealed = NULL WHERE import_id = %(import_id)s AND sealed IS NOT NULL

-- read_import --
-- A file, and what became of it.
SELECT import_id, uploaded_at, actor, file_name, sha256, sealed, imported_at, customers
  FROM customer_import WHERE import_id = %(import_id)s

-- find_imported --
-- When this very file was imported.
SELECT import_id, uploaded_at, actor, file_name, sha256, sealed, imported_at, customers
  FROM customer_import WHERE sha256 = %(sha256)s AND imported_at IS NOT NULL

-- list_imports --
-- The newest files; of one actor, or (NULL) of everybody.
SELECT import_id, uploaded_at, actor, file_name, sha256, NULL::bytea AS sealed, imported_at, customers
  FROM customer_import WHERE %(actor)s::text IS NULL OR actor = %(actor)s
 ORDER BY import_id DESC LIMIT %(limit)s

-- finish_import --
-- The file is imported. A second one at the same moment waits here for the first, and then fails.
UPDATE customer_import SET imported_at = %(now)s, customers = %(customers)s, sealed = NULL
 WHERE import_id = %(import_id)s AND imported_at IS NULL

-- list_taken --
-- Which of these usernames somebody has.
SELECT username FROM login WHERE username = ANY(%(usernames)s)

-- take_ids --
-- Numbers for so many customers.
SELECT nextval(pg_get_serial_sequence('customer', 'customer_id')) FROM generate_series(1, %(count)s)

-- copy_customers --
-- Many new customers at once.
COPY customer (customer_id, username, name, mobile, password_sealed, package_id, framed_ip, mac_binding, sessions_allowed,
               kind, profile_id, activated_at, special_price, discount_percent, mail, language, operator_id, zone,
               address, comment) FROM STDIN

-- copy_logins --
-- Take their usernames; one that is taken ends it all.
COPY login (username, customer_id) FROM STDIN

-- copy_wallets --
-- Their empty wallets.
COPY wallet (customer_id, credit_limit) FROM STDIN

-- copy_events --
-- That they were added, in their logs.
COPY customer_event (customer_id, at, actor, what, note) FROM STDIN
