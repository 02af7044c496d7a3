-- What post-auth asks of the database: open the session and hold the money, or say why
-- not; of most logins together (open_plain_sessions), of the others one by one
-- (open_session). Every amount and limit was decided by Python; this only checks, under
-- the wallet's lock, that what was decided is still true.

-- rlm_sql writes every octet that it does not trust as =XX. Octets that are no UTF-8
-- text (or NUL) stay as they were written: recorded, and harmless.
CREATE FUNCTION unescape_octets(escaped text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    octets bytea;
BEGIN
    SELECT string_agg(CASE WHEN m[1] ~ '^=[0-9A-Fa-f]{2}$' THEN decode(substr(m[1], 2), 'hex')
                           ELSE convert_to(m[1], 'UTF8') END, ''::bytea ORDER BY n)
      INTO octets
      FROM regexp_matches(escaped, '=[0-9A-Fa-f]{2}|[^=]+|=', 'g') WITH ORDINALITY AS r (m, n);
    RETURN convert_from(octets, 'UTF8');
EXCEPTION WHEN character_not_in_repertoire OR untranslatable_character THEN
    RETURN escaped;
END $$;

-- Apart from the above, since a handler makes each call a subtransaction.
CREATE FUNCTION unescape_radius(escaped text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF position('=' IN escaped) = 0 THEN
        RETURN escaped;
    END IF;
    RETURN unescape_octets(escaped);
END $$;

-- One spelling for MAC addresses: NAS write 46-A0-AE-3B-D8-5C, 46:a0:…, 46a0.ae3b.d85c,
-- 46a0-ae3b-d85c or 46a0ae3bd85c, or as a DHCP client identifier (RFC 2132 §9.14:
-- 1:46:a0:…, RouterOS without leading zeros); billing_core/mac_addresses.py reads the same.
-- Not LANGUAGE sql: that would be parsed and planned anew at every login.
CREATE FUNCTION normalise_station(station text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    -- As MikroTik writes it, and as it is kept: nothing to do, no expression to match.
    IF station LIKE '__:__:__:__:__:__' AND station = upper(station) THEN
        RETURN station;
    END IF;
    RETURN CASE
        WHEN station ~ '^[0-9A-Fa-f]{2}([:-])([0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}$'
          OR station ~ '^[0-9A-Fa-f]{4}([.-])[0-9A-Fa-f]{4}\1[0-9A-Fa-f]{4}$'
          OR station ~ '^[0-9A-Fa-f]{12}$'
            THEN upper(regexp_replace(regexp_replace(station, '[:.-]', '', 'g'), '(..)(?=.)', '\1:', 'g'))
        WHEN station ~ '^0?1(:[0-9A-Fa-f]{1,2}){6}$'
            THEN (SELECT string_agg(lpad(upper(octet), 2, '0'), ':' ORDER BY place)
                    FROM unnest((string_to_array(station, ':'))[2:]) WITH ORDINALITY AS o (octet, place))
        ELSE station END;
END $$;

-- Charge one service day from the wallet and bill it, once. False: it was charged
-- already. Raises KH003 when the wallet does not cover it. The caller holds the
-- wallet's row lock.
CREATE FUNCTION charge_service_day(
    p_customer_id bigint, p_date date, p_net numeric, p_vat numeric, p_vat_percent numeric,
    p_description text, p_now timestamptz, p_actor text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_gross numeric := p_net + p_vat;
    v_available numeric;
    v_entry_id bigint;
    v_bill_id bigint;
    v_zone text;
BEGIN
    IF EXISTS (SELECT FROM service_day WHERE customer_id = p_customer_id AND service_date = p_date) THEN
        RETURN false;
    END IF;
    SELECT posted - reserved + credit_limit INTO v_available FROM wallet WHERE customer_id = p_customer_id;
    IF v_available < v_gross THEN
        RAISE EXCEPTION 'customer % has % available, the service day % costs %',
            p_customer_id, v_available, p_date, v_gross USING ERRCODE = 'KH003';
    END IF;
    SELECT zone INTO v_zone FROM installation;
    INSERT INTO ledger_entry (customer_id, kind, occurred_at, idempotency_key, actor)
    VALUES (p_customer_id, 'service_day', p_now, 'service_day:' || p_date, p_actor)
    RETURNING entry_id INTO v_entry_id;
    INSERT INTO posting (customer_id, entry_id, line_no, ledger_account, amount)
    SELECT p_customer_id, v_entry_id, row_number() OVER (ORDER BY o), a, amount
      FROM (VALUES (1, 'wallet', v_gross), (2, 'income', -p_net), (3, 'vat_payable', -p_vat)) AS line (o, a, amount)
     WHERE amount <> 0;
    INSERT INTO bill (customer_id, kind, period_start, period_end, issued_at, net, vat, gross, paid, status, subject)
    VALUES (p_customer_id, 'service_day', p_date::timestamp AT TIME ZONE v_zone,
            (p_date + 1)::timestamp AT TIME ZONE v_zone, p_now, p_net, p_vat, v_gross, v_gross, 'paid', p_date::text)
    RETURNING bill_id INTO v_bill_id;
    INSERT INTO bill_line (customer_id, bill_id, line_no, description, quantity, unit, net, vat_percent, vat, gross)
    VALUES (p_customer_id, v_bill_id, 1, p_description, 1, 'day', p_net, p_vat_percent, p_vat, v_gross);
    INSERT INTO service_day (customer_id, service_date, amount, bill_id, entry_id)
    VALUES (p_customer_id, p_date, v_gross, v_bill_id, v_entry_id);
    RETURN true;
END $$;

-- End a session that is known to be dead and let go what it holds. The caller holds
-- the wallet's row lock.
CREATE FUNCTION end_dead_session(p_customer_id bigint, p_session_id bigint, p_cause text, p_now timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE acct_session
       SET state = 'ended', ended_at = last_event_at, terminate_cause = p_cause, bill_due = billed < charged
     WHERE customer_id = p_customer_id AND session_id = p_session_id AND ended_at IS NULL;
    WITH ended AS (
        SELECT reservation_id, held FROM reservation
         WHERE customer_id = p_customer_id AND session_id = p_session_id AND state = 'open'
    ), released AS (
        UPDATE wallet SET reserved = reserved - ended.held
          FROM ended WHERE customer_id = p_customer_id AND ended.held > 0
    )
    UPDATE reservation r SET state = 'released', held = 0, closed_at = p_now
      FROM ended WHERE r.customer_id = p_customer_id AND r.reservation_id = ended.reservation_id;
END $$;

-- Write those of the granted sessions that p_session_ids names, and hold their money. The
-- caller holds the locks of their wallets and has seen that each covers its hold. With
-- p_plain_only: those alone of active customers without another session. Gives the
-- session_id of each that was written.
CREATE FUNCTION write_sessions(
    p_grants text[], p_stations text[], p_called text[], p_ports text[], p_acct_session_ids text[],
    p_session_ids bigint[], p_plain_only boolean, p_now timestamptz)
RETURNS SETOF bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY
    -- Of two logins of one customer in the same round the second is not plain.
    WITH granted AS MATERIALIZED (
        SELECT DISTINCT ON (g[1]) g, g[1]::bigint AS customer_id, g[2]::bigint AS session_id,
               g[7]::numeric AS hold, station, called, port, acct_session_id
          FROM unnest(p_grants, p_stations, p_called, p_ports, p_acct_session_ids)
               AS t (words, station, called, port, acct_session_id)
         CROSS JOIN string_to_array(words, ' ') AS g
         WHERE g[2]::bigint = ANY (p_session_ids)
    ), written AS (
        INSERT INTO acct_session (
            customer_id, session_id, nas_id, package_id, subscription_id, state, username,
            acct_session_id, class_value, calling_station_id, called_station_id, nas_port_id,
            accepted_at, started_at, last_event_at, limit_seconds, limit_octets,
            interim_interval_seconds, cut_at, cut_reason, is_restricted, is_reduced)
        SELECT c.customer_id, session_id, g[3]::bigint, g[4]::bigint, nullif(g[5], '-')::bigint,
               'opening', c.username, nullif(acct_session_id, ''), g[13], station, called, port,
               p_now, p_now, p_now, nullif(g[8], '-')::bigint, nullif(g[9], '-')::bigint,
               g[12]::integer, to_timestamp(nullif(g[10], '-')::double precision),
               nullif(g[11], '-'), g[19] = 'restricted', g[19] = 'reduced'
          FROM granted JOIN customer c ON c.customer_id = granted.customer_id
         -- Not by NOT EXISTS: a plan made while nobody was online would read all who are.
         WHERE NOT p_plain_only
            OR c.status = 'active'
               AND (SELECT x.session_id FROM acct_session x
                     WHERE x.customer_id = c.customer_id AND x.ended_at IS NULL LIMIT 1) IS NULL
        RETURNING acct_session.session_id AS written_id
    ), holding AS MATERIALIZED (
        SELECT customer_id, session_id, hold FROM written JOIN granted ON session_id = written_id
         WHERE hold > 0
    ), reserved AS (
        UPDATE wallet SET reserved = reserved + hold
          FROM holding WHERE wallet.customer_id = holding.customer_id
    ), noted AS (
        INSERT INTO reservation (customer_id, session_id, held, opened_at)
        SELECT customer_id, session_id, hold, p_now FROM holding
    )
    SELECT written_id FROM written;
END $$;

-- Open the sessions of many logins at once, those that are plain: of an active customer
-- without another session, who pays for nothing but what it holds. That is nearly every
-- login, and one commit is enough for all who come at the same moment. Gives the
-- session_id of each that is open; the others are for open_session(), one by one. Grants
-- and the texts beside them have the same order.
--
-- No login waits here for another: a wallet that somebody has locked is not plain.
CREATE FUNCTION open_plain_sessions(
    p_grants text[], p_stations text[], p_called text[], p_ports text[], p_acct_session_ids text[])
RETURNS SETOF bigint LANGUAGE plpgsql AS $$
DECLARE
    -- Sessions and not customers: of two logins of one, the wallet may cover one alone.
    v_covered bigint[] := ARRAY(
        SELECT g[2]::bigint
          FROM unnest(p_grants) AS t (words) CROSS JOIN string_to_array(words, ' ') AS g
          JOIN wallet w ON w.customer_id = g[1]::bigint
         WHERE g[14] = '-' AND g[15] = '-' AND g[19] <> 'restricted'
           AND w.posted - w.reserved + w.credit_limit >= g[7]::numeric
           FOR NO KEY UPDATE OF w SKIP LOCKED);
BEGIN
    -- A statement of its own, since one sees the world as it was when it began: somebody
    -- may have come in, or been suspended, until the lock was there.
    RETURN QUERY SELECT write_sessions(p_grants, p_stations, p_called, p_ports, p_acct_session_ids,
                                       v_covered, true, clock_timestamp());
END $$;

-- Admit a session for which more is to be seen to than its money: other sessions, a
-- service day, a first use, a suspension. NULL: it may be written; 'OK': it was already;
-- else a reject reason, and nothing was written.
--
-- 1. lock the wallet: ten devices of one customer decide one after the other
-- 2. refuse when the other running sessions are as many as allowed (a session of the
--    same device on the same NAS is dead: this login replaces it)
-- 3. refuse when the wallet no longer covers the service day and the hold
-- 4. end the dead sessions
-- 5. charge the service day, if one is due
-- 6. start a validity that runs from first use
--
-- Refusals are decided before the first write and not by an exception: a handler would
-- make each login a subtransaction.
CREATE FUNCTION admit_session(g text[], p_mac text, p_now timestamptz) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_customer_id bigint := g[1];
    v_nas_id bigint := g[3];
    v_hold numeric := g[7];
    v_day date := nullif(g[15], '-');
    v_available numeric;
    v_status text;
    v_is_restricted boolean := g[19] = 'restricted';
    v_package_name text;
    v_running integer;
    v_dead bigint[];
    v_dead_held numeric;
    v_dead_session_id bigint;
BEGIN
    SELECT posted - reserved + credit_limit INTO v_available
      FROM wallet WHERE customer_id = v_customer_id FOR UPDATE;

    -- A statement of its own, since one sees the world as it was when it began to wait for
    -- the lock: a customer suspended meanwhile would come in.
    SELECT status INTO v_status FROM customer WHERE customer_id = v_customer_id;
    -- A restricted login is of a suspended customer, into the suspended pool or list.
    IF v_status IS DISTINCT FROM (CASE WHEN v_is_restricted THEN 'suspended' ELSE 'active' END) THEN
        RETURN CASE WHEN v_status IS NULL THEN 'UNKNOWN_CUSTOMER' ELSE 'SUSPENDED' END;
    END IF;
    -- Asked again by who did not hear the answer.
    IF EXISTS (SELECT FROM acct_session
                WHERE customer_id = v_customer_id AND session_id = g[2]::bigint) THEN
        RETURN 'OK';
    END IF;
    SELECT count(*) FILTER (WHERE NOT a.same_device), array_agg(a.session_id) FILTER (WHERE a.same_device),
           coalesce(sum(r.held) FILTER (WHERE a.same_device), 0)
      INTO v_running, v_dead, v_dead_held
      FROM (SELECT x.session_id, p_mac <> '' AND x.nas_id = v_nas_id AND x.calling_station_id = p_mac AS same_device
              FROM acct_session x WHERE x.customer_id = v_customer_id AND x.ended_at IS NULL) a
      LEFT JOIN reservation r
        ON r.customer_id = v_customer_id AND r.session_id = a.session_id AND r.state = 'open';
    IF v_running > 0 AND v_running >= g[6]::integer THEN
        RETURN 'TOO_MANY_SESSIONS';
    END IF;

    IF v_day IS NOT NULL
       AND EXISTS (SELECT FROM service_day WHERE customer_id = v_customer_id AND service_date = v_day) THEN
        v_day := NULL;
    END IF;
    IF v_available + v_dead_held
       < v_hold + (CASE WHEN v_day IS NULL THEN 0 ELSE g[16]::numeric + g[17]::numeric END) THEN
        RETURN 'BALANCE_EXHAUSTED';
    END IF;

    IF v_dead IS NOT NULL THEN
        FOREACH v_dead_session_id IN ARRAY v_dead LOOP
            PERFORM end_dead_session(v_customer_id, v_dead_session_id, 'Superseded', p_now);
        END LOOP;
    END IF;

    IF v_day IS NOT NULL THEN
        SELECT name INTO v_package_name FROM package WHERE package_id = g[4]::bigint;
        PERFORM charge_service_day(v_customer_id, v_day, g[16]::numeric, g[17]::numeric, g[18]::numeric,
                                   v_package_name, p_now, 'login');
    END IF;

    IF g[14] <> '-' THEN
        UPDATE subscription
           SET state = 'active', started_at = p_now, valid_until = to_timestamp(g[14]::double precision)
         WHERE customer_id = v_customer_id AND subscription_id = g[5]::bigint AND state = 'waiting';
    END IF;
    RETURN NULL;
END $$;

-- Open the session that Python granted. The grant is made of words, in this order
-- ('-' = none): customer_id session_id nas_id package_id subscription_id
-- sessions_allowed hold limit_seconds limit_octets cut_epoch cut_reason
-- interim_seconds class_value valid_until_epoch day day_net day_vat vat_percent
-- restricted|reduced running
--
-- Answers 'OK' or a reject reason; a refusal writes nothing. Asked again for the same
-- session it answers 'OK' and writes nothing.
CREATE FUNCTION open_session(
    p_grant text, p_calling_station_id text, p_called_station_id text,
    p_nas_port_id text, p_acct_session_id text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    g text[] := string_to_array(p_grant, ' ');
    v_now timestamptz := clock_timestamp();
    v_station text := normalise_station(unescape_radius(p_calling_station_id));
    v_grants text[] := ARRAY[p_grant];
    v_stations text[] := ARRAY[v_station];
    v_called text[] := ARRAY[unescape_radius(p_called_station_id)];
    v_ports text[] := ARRAY[unescape_radius(p_nas_port_id)];
    v_acct_session_ids text[] := ARRAY[unescape_radius(p_acct_session_id)];
    v_answer text;
BEGIN
    IF g[20] = '-' THEN
        PERFORM open_plain_sessions(v_grants, v_stations, v_called, v_ports, v_acct_session_ids);
        IF FOUND THEN
            RETURN 'OK';
        END IF;
    END IF;
    v_answer := admit_session(g, v_station, v_now);
    IF v_answer IS NULL THEN
        PERFORM write_sessions(v_grants, v_stations, v_called, v_ports, v_acct_session_ids,
                               ARRAY[g[2]::bigint], false, v_now);
        v_answer := 'OK';
    END IF;
    RETURN v_answer;
END $$;
