-- insert_operator --
-- A new operator.
INSERT INTO operator (username, name, password_hash, role, parent_id, permissions, language, created_at)
VALUES (%(username)s, %(name)s, %(password_hash)s, %(role)s, %(parent_id)s, %(permissions)s, %(language)s, %(now)s)
RETURNING operator_id

-- find_operator --
-- The operator with this username.
SELECT o.operator_id, o.username, o.name, o.role, o.parent_id, p.username AS parent, o.permissions,
       o.totp_sealed IS NOT NULL AS has_totp, o.is_disabled, o.language, o.created_at, o.last_login_at
  FROM operator o LEFT JOIN operator p ON p.operator_id = o.parent_id
 WHERE o.username = %(username)s

-- list_operators --
-- Operators by name: those of a scope (NULL = all).
SELECT o.operator_id, o.username, o.name, o.role, o.parent_id, p.username AS parent, o.permissions,
       o.totp_sealed IS NOT NULL AS has_totp, o.is_disabled, o.language, o.created_at, o.last_login_at
  FROM operator o LEFT JOIN operator p ON p.operator_id = o.parent_id
 WHERE %(scope)s::bigint[] IS NULL OR o.operator_id = ANY(%(scope)s)
 ORDER BY o.username

-- read_credentials --
-- What an operator proves himself by.
SELECT operator_id, password_hash, totp_sealed, totp_step, is_disabled
  FROM operator WHERE username = %(username)s

-- read_operator_credentials --
-- What an operator proves himself by, who is known already.
SELECT operator_id, password_hash, totp_sealed, totp_step, is_disabled
  FROM operator WHERE operator_id = %(operator_id)s

-- set_operator_password --
-- Replace an operator's password.
UPDATE operator SET password_hash = %(password_hash)s WHERE operator_id = %(operator_id)s

-- set_operator_disabled --
-- Shut an operator out, or let him in again.
UPDATE operator SET is_disabled = %(is_disabled)s
 WHERE operator_id = %(operator_id)s AND is_disabled <> %(is_disabled)s

-- set_operator_terms --
-- What an operator is called and may do.
UPDATE operator SET name = %(name)s, permissions = %(permissions)s, language = %(language)s
 WHERE operator_id = %(operator_id)s

-- set_operator_role --
-- Another role, below another operator or nobody.
UPDATE operator SET role = %(role)s, parent_id = %(parent_id)s WHERE operator_id = %(operator_id)s

-- read_operator_ties --
-- What is his: operators below him, customers, and whether he is the last who may do all.
SELECT EXISTS (SELECT FROM operator b WHERE b.parent_id = o.operator_id) AS has_operators,
       EXISTS (SELECT FROM customer c WHERE c.operator_id = o.operator_id) AS has_customers,
       o.role = 'admin' AND NOT o.is_disabled
           AND NOT EXISTS (SELECT FROM operator a WHERE a.role = 'admin' AND NOT a.is_disabled
                                                    AND a.operator_id <> o.operator_id) AS is_last_admin
  FROM operator o WHERE o.operator_id = %(operator_id)s

-- lock_admins --
-- Two admins who disable one another at the same moment queue here.
SELECT operator_id FROM operator WHERE role = 'admin' ORDER BY operator_id FOR UPDATE

-- list_operator_events --
-- What an operator did, and what was done to him, newest first.
SELECT at, actor, what, note FROM operator_event
 WHERE actor = 'operator:' || %(username)s
    OR note = %(username)s OR note LIKE %(username)s || ',%%' OR note LIKE %(username)s || ':%%'
 ORDER BY at DESC, operator_event_id DESC LIMIT %(limit)s

-- set_operator_language --
-- The language that an operator reads.
UPDATE operator SET language = %(language)s WHERE operator_id = %(operator_id)s

-- set_totp --
-- Let an operator have a TOTP secret, or (NULL) none.
UPDATE operator SET totp_sealed = %(totp_sealed)s, totp_step = 0 WHERE operator_id = %(operator_id)s

-- use_totp_step --
-- Use up a TOTP code; no row when it, or a later one, was used before.
UPDATE operator SET totp_step = %(step)s WHERE operator_id = %(operator_id)s AND totp_step < %(step)s

-- note_login --
-- When an operator logged in last.
UPDATE operator SET last_login_at = %(now)s WHERE operator_id = %(operator_id)s

-- insert_operator_event --
-- Log who did what that no customer's log tells.
INSERT INTO operator_event (at, actor, what, note) VALUES (%(at)s, %(actor)s, %(what)s, %(note)s)
