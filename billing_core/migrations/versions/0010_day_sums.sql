-- Sums by day: no page adds up millions of bills and payments to show a month.

-- What was billed and paid, and what of it is void, by the day of issue, package and kind
-- of bill; what is open by the day that it is due; what came in, and what of it was taken
-- back, by day and method. Days are civil days of the ISP's zone, the operator is the
-- customer's own, 0 = the provider's.
CREATE TABLE day_sum (
    what text NOT NULL,
    -- infinity: open, and never due.
    day date NOT NULL,
    operator_id bigint NOT NULL,
    -- billed and void: the package; received and taken_back: the method; open: ''.
    part text NOT NULL,
    -- Of bills.
    kind text NOT NULL DEFAULT '',
    items bigint NOT NULL,
    amount numeric(18, 2) NOT NULL,
    paid numeric(18, 2) NOT NULL,
    PRIMARY KEY (what, day, operator_id, part, kind),
    CONSTRAINT day_sum_what_known CHECK (what IN ('billed', 'void', 'open', 'received', 'taken_back'))
) WITH (fillfactor = 70);

-- What is to be added to them. Whoever writes bills or payments adds rows here, in his
-- own transaction, and waits for nobody: the sums are rows that all would want at once.
-- The scheduler moves them there (services/day_sums.py); what is read is both together,
-- so that it is right at any moment and in any snapshot.
CREATE TABLE day_sum_change (
    -- One of the customers it is about: it stays on his shard.
    customer_id bigint NOT NULL,
    change_id bigint GENERATED ALWAYS AS IDENTITY,
    what text NOT NULL,
    day date NOT NULL,
    operator_id bigint NOT NULL,
    part text NOT NULL,
    kind text NOT NULL DEFAULT '',
    items bigint NOT NULL,
    amount numeric(18, 2) NOT NULL,
    paid numeric(18, 2) NOT NULL,
    PRIMARY KEY (customer_id, change_id)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);

CREATE VIEW day_sum_now AS
SELECT what, day, operator_id, part, kind, items, amount, paid FROM day_sum
UNION ALL
SELECT what, day, operator_id, part, kind, items, amount, paid FROM day_sum_change;

-- To which sums a bill belongs. What is void is no debt. Of a bill that names no package
-- it is the customer's.
CREATE FUNCTION sums_of_bill(bill_package_id bigint, bill_kind text, issued_at timestamptz, due_at timestamptz,
                             gross numeric, paid numeric, status text, zone text, package_id bigint)
RETURNS TABLE (what text, day date, part text, kind text, amount numeric, paid_of_it numeric) LANGUAGE sql STABLE AS $$
    SELECT CASE status WHEN 'void' THEN 'void' ELSE 'billed' END, (issued_at AT TIME ZONE zone)::date,
           coalesce(bill_package_id, package_id)::text, bill_kind, gross, CASE status WHEN 'void' THEN 0 ELSE paid END
    UNION ALL
    SELECT 'open', coalesce((due_at AT TIME ZONE zone)::date, 'infinity'), '', '', gross - paid, 0
     WHERE status IN ('unpaid', 'partial')
$$;

-- What the sums are the sums of, a row for each sum that a bill or payment belongs to.
-- follows_package: it counts to whatever package its customer has.
CREATE VIEW day_sum_item AS
SELECT b.customer_id, s.what, s.day, coalesce(c.operator_id, 0) AS operator_id, s.part,
       s.kind, s.what IN ('billed', 'void') AND b.package_id IS NULL AS follows_package, s.amount, s.paid_of_it AS paid
  FROM bill b
  JOIN customer c ON c.customer_id = b.customer_id
 CROSS JOIN installation i
 CROSS JOIN LATERAL sums_of_bill(b.package_id, b.kind, b.issued_at, b.due_at, b.gross, b.paid, b.status, i.zone,
                                 c.package_id) s
UNION ALL
SELECT p.customer_id, CASE WHEN r.entry_id IS NULL THEN 'received' ELSE 'taken_back' END,
       (p.received_at AT TIME ZONE i.zone)::date, coalesce(c.operator_id, 0), p.method, '', false, p.amount, 0
  FROM payment p
  JOIN customer c ON c.customer_id = p.customer_id
 CROSS JOIN installation i
  LEFT JOIN ledger_entry r ON r.customer_id = p.customer_id AND r.reverses_entry_id = p.entry_id;

-- Add everything up anew; nobody may write bills or payments meanwhile.
CREATE FUNCTION rebuild_day_sums() RETURNS void LANGUAGE sql AS $$
    DELETE FROM day_sum;
    DELETE FROM day_sum_change;
    INSERT INTO day_sum (what, day, operator_id, part, kind, items, amount, paid)
    SELECT what, day, operator_id, part, kind, count(*), sum(amount), sum(paid) FROM day_sum_item GROUP BY 1, 2, 3, 4, 5;
$$;
SELECT rebuild_day_sums();

-- Bills written by one statement, however many: a row for each sum that they change. What
-- a bill was is taken off, what it is now is added.
CREATE FUNCTION sum_up_bills() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO day_sum_change (customer_id, what, day, operator_id, part, kind, items, amount, paid)
        SELECT min(b.customer_id), s.what, s.day, coalesce(c.operator_id, 0), s.part, s.kind, sum(b.sign),
               sum(b.sign * s.amount), sum(b.sign * s.paid_of_it)
          FROM (SELECT -1 AS sign, customer_id, package_id, kind, issued_at, due_at, gross, paid, status FROM old_bill
                UNION ALL SELECT 1, customer_id, package_id, kind, issued_at, due_at, gross, paid, status FROM new_bill) b
          JOIN customer c ON c.customer_id = b.customer_id
         CROSS JOIN installation i
         CROSS JOIN LATERAL sums_of_bill(b.package_id, b.kind, b.issued_at, b.due_at, b.gross, b.paid, b.status, i.zone,
                                         c.package_id) s
         GROUP BY s.what, s.day, coalesce(c.operator_id, 0), s.part, s.kind
        HAVING sum(b.sign) <> 0 OR sum(b.sign * s.amount) <> 0 OR sum(b.sign * s.paid_of_it) <> 0;
    ELSE
        INSERT INTO day_sum_change (customer_id, what, day, operator_id, part, kind, items, amount, paid)
        SELECT min(b.customer_id), s.what, s.day, coalesce(c.operator_id, 0), s.part, s.kind, count(*), sum(s.amount),
               sum(s.paid_of_it)
          FROM new_bill b
          JOIN customer c ON c.customer_id = b.customer_id
         CROSS JOIN installation i
         CROSS JOIN LATERAL sums_of_bill(b.package_id, b.kind, b.issued_at, b.due_at, b.gross, b.paid, b.status, i.zone,
                                         c.package_id) s
         GROUP BY s.what, s.day, coalesce(c.operator_id, 0), s.part, s.kind;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER bill_summed_up AFTER INSERT ON bill REFERENCING NEW TABLE AS new_bill
    FOR EACH STATEMENT EXECUTE FUNCTION sum_up_bills();
CREATE TRIGGER bill_summed_up_anew AFTER UPDATE ON bill REFERENCING OLD TABLE AS old_bill NEW TABLE AS new_bill
    FOR EACH STATEMENT EXECUTE FUNCTION sum_up_bills();

CREATE FUNCTION sum_up_payments() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO day_sum_change (customer_id, what, day, operator_id, part, items, amount, paid)
    SELECT min(p.customer_id), 'received', (p.received_at AT TIME ZONE i.zone)::date, coalesce(c.operator_id, 0),
           p.method, count(*), sum(p.amount), 0
      FROM new_payment p
      JOIN customer c ON c.customer_id = p.customer_id
     CROSS JOIN installation i
     GROUP BY 3, 4, 5;
    RETURN NULL;
END $$;
CREATE TRIGGER payment_summed_up AFTER INSERT ON payment REFERENCING NEW TABLE AS new_payment
    FOR EACH STATEMENT EXECUTE FUNCTION sum_up_payments();

-- A payment that is taken back did not come in.
CREATE FUNCTION sum_up_reversal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO day_sum_change (customer_id, what, day, operator_id, part, items, amount, paid)
    SELECT p.customer_id, m.what, (p.received_at AT TIME ZONE i.zone)::date, coalesce(c.operator_id, 0), p.method,
           m.sign, m.sign * p.amount, 0
      FROM payment p
      JOIN customer c ON c.customer_id = p.customer_id
     CROSS JOIN installation i
     CROSS JOIN (VALUES ('received', -1), ('taken_back', 1)) AS m (what, sign)
     WHERE p.customer_id = NEW.customer_id AND p.entry_id = NEW.reverses_entry_id;
    RETURN NULL;
END $$;
-- By row, as only a row can say that it is a reversal: the others cost a comparison.
CREATE TRIGGER ledger_entry_reversal_summed_up AFTER INSERT ON ledger_entry
    FOR EACH ROW WHEN (NEW.reverses_entry_id IS NOT NULL) EXECUTE FUNCTION sum_up_reversal();

-- A customer takes his bills and payments along to another operator or package.
CREATE FUNCTION sum_up_moved_customer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Who writes bills or payments holds the wallet: after him, all of them are seen.
    PERFORM FROM wallet WHERE customer_id = NEW.customer_id FOR UPDATE;
    INSERT INTO day_sum_change (customer_id, what, day, operator_id, part, kind, items, amount, paid)
    SELECT NEW.customer_id, m.what, m.day, m.operator_id, m.part, m.kind, sum(m.sign), sum(m.sign * m.amount),
           sum(m.sign * m.paid)
      FROM (SELECT 1 AS sign, what, day, operator_id, part, kind, amount, paid FROM day_sum_item
             WHERE customer_id = NEW.customer_id
            UNION ALL
            SELECT -1, what, day, coalesce(OLD.operator_id, 0),
                   CASE WHEN follows_package THEN OLD.package_id::text ELSE part END, kind, amount, paid
              FROM day_sum_item WHERE customer_id = NEW.customer_id) m
     GROUP BY m.what, m.day, m.operator_id, m.part, m.kind
    HAVING sum(m.sign) <> 0 OR sum(m.sign * m.amount) <> 0 OR sum(m.sign * m.paid) <> 0;
    RETURN NULL;
END $$;
CREATE TRIGGER customer_move_summed_up AFTER UPDATE OF operator_id, package_id ON customer
    FOR EACH ROW WHEN (NEW.operator_id IS DISTINCT FROM OLD.operator_id OR NEW.package_id <> OLD.package_id)
    EXECUTE FUNCTION sum_up_moved_customer();

-- Lists of bills that only few belong to: without these, a page of them would read all
-- bills from the newest on. A bill of the usual kinds that stands is in none of them.
CREATE INDEX bill_void ON bill (issued_at, bill_id) WHERE status = 'void';
CREATE INDEX bill_of_rare_kind ON bill (kind, issued_at, bill_id) WHERE kind NOT IN ('cycle', 'service_day', 'session');
