-- insert_session --
-- A login; the cookie is kept only as its hash.
INSERT INTO web_session (token_hash, operator_id, customer_id, awaits_code, created_at, last_seen_at, idle_seconds,
                         expires_at, address)
VALUES (%(token_hash)s, %(operator_id)s, %(customer_id)s, %(awaits_code)s, %(now)s, %(now)s, %(idle_seconds)s,
        %(expires_at)s, %(address)s)

-- find_session --
-- Who is logged in by this cookie, and what he may see: an operator with those above
-- him, whose limits are his too, and those below him, whose customers he sees.
SELECT s.operator_id, s.customer_id, s.awaits_code, s.last_seen_at,
       o.username, o.name, o.role, o.parent_id, o.permissions, coalesce(o.language, c.language) AS language,
       o.totp_sealed IS NOT NULL AS has_totp, c.username AS customer_username,
       ARRAY(WITH RECURSIVE above AS (
                 SELECT p.operator_id, p.parent_id, p.role, p.permissions FROM operator p
                  WHERE p.operator_id = o.parent_id
                 UNION ALL SELECT p.operator_id, p.parent_id, p.role, p.permissions
                   FROM operator p JOIN above a ON p.operator_id = a.parent_id)
             SELECT role || ' ' || array_to_string(permissions, ' ') FROM above) AS superiors,
       ARRAY(WITH RECURSIVE below AS (
                 SELECT coalesce(CASE o.role WHEN 'manager' THEN o.parent_id END, o.operator_id) AS operator_id
                 UNION SELECT p.operator_id FROM operator p JOIN below b ON p.parent_id = b.operator_id)
             SELECT operator_id FROM below) AS subordinates
  FROM web_session s
  LEFT JOIN operator o ON o.operator_id = s.operator_id
  LEFT JOIN customer c ON c.customer_id = s.customer_id
 WHERE s.token_hash = %(token_hash)s AND s.expires_at > %(now)s
   AND s.last_seen_at + make_interval(secs => s.idle_seconds) > %(now)s
   AND NOT coalesce(o.is_disabled, false)
   -- Whoever is above him is shut out: so is he.
   AND NOT EXISTS (SELECT FROM operator p LEFT JOIN operator g ON g.operator_id = p.parent_id
                    WHERE p.operator_id = o.parent_id AND (p.is_disabled OR coalesce(g.is_disabled, false)))

-- touch_session --
-- It was seen now.
UPDATE web_session SET last_seen_at = %(now)s WHERE token_hash = %(token_hash)s

-- delete_session --
-- Log out.
DELETE FROM web_session WHERE token_hash = %(token_hash)s

-- delete_operator_sessions --
-- Log an operator out everywhere, but (unless NULL) here.
DELETE FROM web_session WHERE operator_id = %(operator_id)s
   AND (%(but)s::bytea IS NULL OR token_hash <> %(but)s)

-- delete_customer_sessions --
-- Log a customer out everywhere, but (unless NULL) here.
DELETE FROM web_session WHERE customer_id = %(customer_id)s
   AND (%(but)s::bytea IS NULL OR token_hash <> %(but)s)

-- delete_ended_sessions --
-- Forget logins that are over, and tries that count no more.
WITH tries AS (DELETE FROM login_throttle WHERE window_started_at < %(now)s - interval '1 day')
DELETE FROM web_session WHERE expires_at <= %(now)s

-- count_try --
-- Count a try within its window; returns how many they are with this one.
INSERT INTO login_throttle AS t (subject, window_started_at, tries) VALUES (%(subject)s, %(now)s, 1)
ON CONFLICT (subject) DO UPDATE
   SET tries = CASE WHEN t.window_started_at <= %(window_start)s THEN 1 ELSE t.tries + 1 END,
       window_started_at = CASE WHEN t.window_started_at <= %(window_start)s THEN %(now)s ELSE t.window_started_at END
RETURNING tries, window_started_at

-- forget_tries --
-- It was right: what went before counts no more.
DELETE FROM login_throttle WHERE subject = ANY(%(subjects)s)

-- insert_code --
-- A code that is sent to a customer's mobile.
INSERT INTO one_time_code (customer_id, code_hash, created_at, expires_at)
VALUES (%(customer_id)s, %(code_hash)s, %(now)s, %(expires_at)s)

-- use_code --
-- Use up the customer's newest code if it is this one; no row when it is not, or is
-- over, used or was tried too often.
WITH newest AS (
    UPDATE one_time_code SET tries = tries + 1
     WHERE customer_id = %(customer_id)s
       AND code_id = (SELECT max(code_id) FROM one_time_code WHERE customer_id = %(customer_id)s)
       AND used_at IS NULL AND expires_at > %(now)s AND tries < %(tries_max)s
    RETURNING code_id, code_hash)
SELECT code_id FROM newest WHERE code_hash = %(code_hash)s

-- mark_code_used --
-- This code opened a session; no row when another did it before.
UPDATE one_time_code SET used_at = %(now)s
 WHERE customer_id = %(customer_id)s AND code_id = %(code_id)s AND used_at IS NULL
