-- Recharge cards: batches, cards by serial, PINs as keyed hashes, tries of PINs.

-- What the distributors owe for cards that were used, and what they keep of it.
INSERT INTO ledger_account (name, kind) VALUES
    ('card', 'asset'),
    ('card_commission', 'expense');

-- Cards that were made together: one value, one distributor, one expiry. What is said of
-- them here is what is printed on them, so it never changes.
CREATE TABLE card_batch (
    batch_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Both included. The serial is public: support and distributors go by it.
    serial_first bigint NOT NULL,
    serial_last bigint NOT NULL,
    -- What a card is worth in the wallet; of a package card, what the package cost then.
    face_value numeric(16, 2) NOT NULL,
    package_id bigint,
    -- What the distributor keeps of each card.
    commission numeric(16, 2) NOT NULL,
    distributor text NOT NULL,
    -- The first moment at which no card of it is taken; NULL = never.
    expires_at timestamptz,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    -- When the one print file was made: only then do the cards have PINs.
    printed_at timestamptz,
    printed_by text,
    CONSTRAINT card_batch_package_exists FOREIGN KEY (package_id) REFERENCES package (package_id),
    CONSTRAINT card_batch_serials_in_order CHECK (serial_first > 0 AND serial_last >= serial_first),
    -- prevents two batches from sharing a serial, whoever makes them at the same moment
    CONSTRAINT card_batch_serials_apart EXCLUDE USING gist (int8range(serial_first, serial_last, '[]') WITH &&),
    CONSTRAINT card_batch_value_positive CHECK (face_value > 0),
    CONSTRAINT card_batch_commission_within_value CHECK (commission >= 0 AND commission <= face_value),
    CONSTRAINT card_batch_print_is_signed CHECK ((printed_at IS NULL) = (printed_by IS NULL))
);

-- generated: nobody can use it; active: its distributor has it, it can be used; used and
-- void are for good. A generated or active card of an expired batch counts as expired.
CREATE TABLE card (
    serial bigint PRIMARY KEY,
    batch_id bigint NOT NULL,
    state text NOT NULL DEFAULT 'generated',
    -- Sale to the distributor and use: which of them is the moment of VAT, the
    -- accountant says.
    activated_at timestamptz,
    used_at timestamptz,
    -- The customer; his ledger entry has the key card:<serial>.
    used_by bigint,
    CONSTRAINT card_batch_exists FOREIGN KEY (batch_id) REFERENCES card_batch (batch_id),
    CONSTRAINT card_customer_exists FOREIGN KEY (used_by) REFERENCES customer (customer_id),
    CONSTRAINT card_state_known CHECK (state IN ('generated', 'active', 'used', 'void')),
    CONSTRAINT card_use_is_whole CHECK ((state = 'used') = (used_by IS NOT NULL)
        AND (state = 'used') = (used_at IS NOT NULL)),
    CONSTRAINT card_used_was_active CHECK (state NOT IN ('active', 'used') OR activated_at IS NOT NULL)
) WITH (fillfactor = 80);
CREATE INDEX card_of_batch ON card (batch_id, state);
CREATE INDEX card_used_by ON card (used_by) WHERE used_by IS NOT NULL;

-- PIN to serial, as HMAC-SHA256 under a key that is not in the database: global
-- uniqueness of PINs lives here and nowhere else.
CREATE TABLE card_pin (
    pin_mac bytea PRIMARY KEY,
    -- Which of the keys made it.
    key_id text NOT NULL,
    serial bigint NOT NULL,
    CONSTRAINT card_pin_card_exists FOREIGN KEY (serial) REFERENCES card (serial),
    -- prevents a card from having two PINs
    CONSTRAINT card_pin_one_a_card UNIQUE (serial),
    CONSTRAINT card_pin_is_a_mac CHECK (length(pin_mac) = 32)
);
CREATE INDEX card_pin_of_key ON card_pin (key_id, serial);

-- What was done to which cards, by whom: generated, printed, activated, voided.
CREATE TABLE card_event (
    event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    what text NOT NULL,
    serial_first bigint NOT NULL,
    serial_last bigint NOT NULL,
    -- How many of the range it did something to: a void leaves used ones alone.
    cards bigint NOT NULL,
    note text NOT NULL DEFAULT '',
    CONSTRAINT card_event_known CHECK (what IN ('generated', 'printed', 'activated', 'voided')),
    CONSTRAINT card_event_void_has_a_reason CHECK (what <> 'voided' OR note <> '')
);
CREATE INDEX card_event_of_serials ON card_event USING gist (int8range(serial_first, serial_last, '[]'));
CREATE TRIGGER card_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON card_event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();

-- Each try of a PIN, without the PIN.
CREATE TABLE card_try (
    customer_id bigint NOT NULL,
    try_id bigint GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    client_address inet,
    distributor text NOT NULL DEFAULT '',
    -- What was the matter, which the one who tried is not told (cards.Outcome).
    outcome text NOT NULL,
    serial bigint,
    PRIMARY KEY (customer_id, try_id),
    CONSTRAINT card_try_customer_exists FOREIGN KEY (customer_id) REFERENCES customer (customer_id),
    CONSTRAINT card_try_outcome_known CHECK (outcome IN
        ('credited', 'repeated', 'mistyped', 'unknown', 'used', 'void', 'expired', 'inactive', 'locked'))
);
CREATE INDEX card_try_by_time ON card_try (at);
CREATE TRIGGER card_try_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON card_try
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();

-- Who may not try for a while: one row a customer, address and distributor that tried.
-- Its lock is also the queue: many tries of one subject are counted one after the other.
CREATE TABLE card_guard (
    -- customer:7, address:10.0.0.1, distributor:name
    subject text PRIMARY KEY,
    strikes integer NOT NULL DEFAULT 0,
    counted_since timestamptz NOT NULL,
    locks integer NOT NULL DEFAULT 0,
    locked_until timestamptz
);
