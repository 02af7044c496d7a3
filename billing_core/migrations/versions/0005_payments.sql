-- Payments: attempts by gateway and transfer, their verification, refunds, links.

-- Where the money is until the gateway settles it to the bank, what it keeps, and what
-- is given away at the till.
INSERT INTO ledger_account (name, kind) VALUES
    ('bkash', 'asset'),
    ('nagad', 'asset'),
    ('sslcommerz', 'asset'),
    ('transfer', 'asset'),
    ('gateway_fee', 'expense'),
    ('discount', 'expense');

ALTER TABLE ledger_entry DROP CONSTRAINT ledger_entry_kind_known;
ALTER TABLE ledger_entry ADD CONSTRAINT ledger_entry_kind_known CHECK (kind IN
    ('top_up', 'session_charge', 'package_purchase', 'service_day', 'adjustment', 'reversal',
     'bill', 'settlement', 'bill_void', 'credit_note',
     -- money given back: wallet +, where it had come in -
     'refund'));

-- One try to pay, frozen before the gateway hears of it. A new try is a new row with a
-- new reference; nothing here is ever deleted.
CREATE TABLE payment_attempt (
    attempt_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id bigint NOT NULL,
    -- Ours, told to the gateway as the order's number: unguessable, 20 letters and digits.
    reference text NOT NULL,
    gateway text NOT NULL,
    amount numeric(16, 2) NOT NULL,
    currency text NOT NULL,
    -- bills: the bill named, or the one due first first; wallet: stays there;
    -- package: buys it once the money is in.
    purpose text NOT NULL,
    bill_id bigint,
    package_id bigint,
    state text NOT NULL DEFAULT 'created',
    -- Why a person has to look (payments.ReviewReason), the gateway's words on a
    -- failure, or a person's on a rejection.
    reason text NOT NULL DEFAULT '',
    -- The customer came back and said that he gave up: a hint that decides nothing.
    customer_cancelled_at timestamptz,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    -- The gateway's id of the checkout (bKash paymentID, Nagad paymentReferenceId,
    -- SSLCommerz sessionkey).
    gateway_payment_id text,
    checkout_url text,
    -- A manual transfer: who sent it. Its transaction id is a gateway_transaction.
    sender text NOT NULL DEFAULT '',
    -- The newest authenticated answer, as the operator sees it beside our row.
    answer jsonb,
    answered_at timestamptz,
    asks integer NOT NULL DEFAULT 0,
    -- When the reconciler asks next; NULL = never by itself.
    next_ask_at timestamptz,
    decided_by text,
    decided_at timestamptz,
    -- More money came for that attempt, which was paid before: a row of its own, so
    -- that a person decides on it as on any other.
    again_of_attempt_id bigint CONSTRAINT payment_attempt_again_of_exists REFERENCES payment_attempt (attempt_id),
    CONSTRAINT payment_attempt_customer_exists FOREIGN KEY (customer_id) REFERENCES customer (customer_id),
    CONSTRAINT payment_attempt_reference_unique UNIQUE (reference),
    CONSTRAINT payment_attempt_gateway_known CHECK (gateway IN ('bkash', 'nagad', 'sslcommerz', 'transfer')),
    CONSTRAINT payment_attempt_amount_positive CHECK (amount > 0),
    CONSTRAINT payment_attempt_purpose_known CHECK (purpose IN ('bills', 'wallet', 'package')),
    CONSTRAINT payment_attempt_package_named CHECK ((purpose = 'package') = (package_id IS NOT NULL)),
    CONSTRAINT payment_attempt_bill_for_bills CHECK (bill_id IS NULL OR purpose = 'bills'),
    -- created: the gateway may not know it; pending: being paid; confirmed: the gateway
    -- says paid, all matches, a person has not approved; review: a person must look;
    -- failed and expired may still turn out paid.
    CONSTRAINT payment_attempt_state_known CHECK (state IN
        ('created', 'pending', 'confirmed', 'review', 'paid', 'failed', 'expired', 'rejected')),
    CONSTRAINT payment_attempt_review_says_why CHECK (state NOT IN ('review', 'rejected') OR reason <> ''),
    -- prevents one checkout of a gateway from standing for two attempts
    CONSTRAINT payment_attempt_checkout_unique UNIQUE (gateway, gateway_payment_id)
);
CREATE INDEX payment_attempt_of_customer ON payment_attempt (customer_id, attempt_id);
CREATE INDEX payment_attempt_to_ask ON payment_attempt (next_ask_at) WHERE next_ask_at IS NOT NULL;
CREATE INDEX payment_attempt_to_decide ON payment_attempt (attempt_id) WHERE state IN ('confirmed', 'review');
-- The history of one kind of end, newest first.
CREATE INDEX payment_attempt_by_state ON payment_attempt (state, attempt_id);
-- prevents announcing transfers on trial: one waits for a person, then comes the next
CREATE UNIQUE INDEX payment_attempt_one_transfer ON payment_attempt (customer_id)
    WHERE gateway = 'transfer' AND state IN ('confirmed', 'review');

-- What happened to an attempt, in order; for the person who decides, and for ever.
CREATE TABLE payment_attempt_event (
    event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    attempt_id bigint NOT NULL CONSTRAINT payment_attempt_event_attempt_exists REFERENCES payment_attempt (attempt_id),
    at timestamptz NOT NULL,
    actor text NOT NULL,
    -- created, checkout, hint, asked, confirmed, review, paid, failed, expired, approved,
    -- rejected
    what text NOT NULL,
    note text NOT NULL DEFAULT '',
    answer jsonb
);
CREATE INDEX payment_attempt_event_of_attempt ON payment_attempt_event (attempt_id, event_id);
CREATE TRIGGER payment_attempt_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payment_attempt_event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();

-- The ids that money has at a gateway (bKash trxID; Nagad issuerPaymentRefNo;
-- SSLCommerz val_id and bank_tran_id; a transfer's transaction id).
CREATE TABLE gateway_transaction (
    gateway text NOT NULL,
    kind text NOT NULL,
    transaction_id text NOT NULL,
    attempt_id bigint NOT NULL CONSTRAINT gateway_transaction_attempt_exists REFERENCES payment_attempt (attempt_id),
    -- prevents crediting the same money twice, whatever it is replayed on
    PRIMARY KEY (gateway, kind, transaction_id),
    CONSTRAINT gateway_transaction_named CHECK (transaction_id <> '')
);
CREATE INDEX gateway_transaction_of_attempt ON gateway_transaction (attempt_id);
CREATE INDEX gateway_transaction_as_announced ON gateway_transaction (upper(transaction_id));

-- Money that a gateway told of by itself, rightly signed, and that no attempt had: paid in
-- bKash's own app, by QR code or USSD. It waits until a person says whose it is.
CREATE TABLE gateway_notice (
    notice_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gateway text NOT NULL,
    -- In capital letters, as people type it.
    transaction_id text NOT NULL,
    received_at timestamptz NOT NULL,
    -- What was told, and what the gateway said later when it was asked for this id.
    answer jsonb NOT NULL,
    found jsonb,
    found_at timestamptz,
    -- The attempt whose reference it names, which has not claimed it.
    names_attempt_id bigint CONSTRAINT gateway_notice_named_exists REFERENCES payment_attempt (attempt_id),
    -- credited: by this attempt, whoever or whatever matched it; dismissed: no customer's
    state text NOT NULL DEFAULT 'unmatched',
    attempt_id bigint CONSTRAINT gateway_notice_attempt_exists REFERENCES payment_attempt (attempt_id),
    reason text NOT NULL DEFAULT '',
    decided_by text,
    decided_at timestamptz,
    -- prevents showing one payment twice, however often the gateway tells of it
    CONSTRAINT gateway_notice_unique UNIQUE (gateway, transaction_id),
    CONSTRAINT gateway_notice_state_known CHECK (state IN ('unmatched', 'credited', 'dismissed')),
    CONSTRAINT gateway_notice_credit_named CHECK ((state = 'credited') = (attempt_id IS NOT NULL)),
    CONSTRAINT gateway_notice_dismissal_says_why CHECK (state <> 'dismissed' OR reason <> '')
);
CREATE INDEX gateway_notice_waiting ON gateway_notice (notice_id) WHERE state = 'unmatched';
CREATE INDEX gateway_notice_by_transaction ON gateway_notice (transaction_id);

ALTER TABLE payment
    ADD COLUMN attempt_id bigint CONSTRAINT payment_attempt_exists REFERENCES payment_attempt (attempt_id),
    ADD COLUMN discount numeric(16, 2) NOT NULL DEFAULT 0,
    ADD COLUMN fee numeric(16, 2) NOT NULL DEFAULT 0,
    DROP CONSTRAINT payment_method_known,
    ADD CONSTRAINT payment_method_known CHECK (method IN
        ('cash', 'bkash', 'nagad', 'sslcommerz', 'transfer', 'card')),
    ADD CONSTRAINT payment_discount_not_negative CHECK (discount >= 0),
    ADD CONSTRAINT payment_fee_within_amount CHECK (fee >= 0 AND fee <= amount),
    -- prevents crediting one attempt twice, whoever confirms it at the same moment
    ADD CONSTRAINT payment_attempt_paid_once UNIQUE (customer_id, attempt_id);
-- Its number is what the customer's receipt says: R and this id.
CREATE INDEX payment_by_id ON payment (payment_id);
CREATE INDEX payment_of_attempt ON payment (attempt_id) WHERE attempt_id IS NOT NULL;
CREATE INDEX payment_by_time ON payment (received_at, payment_id);
-- What somebody took, who may have taken little among millions.
CREATE INDEX payment_by_taker ON payment (operator, received_at, payment_id);

-- Money given back.
CREATE TABLE refund (
    customer_id bigint NOT NULL,
    refund_id bigint GENERATED ALWAYS AS IDENTITY,
    payment_id bigint NOT NULL,
    amount numeric(16, 2) NOT NULL,
    reason text NOT NULL,
    -- Ours, told to the gateway (SSLCommerz refund_trans_id, Nagad referenceNo).
    reference text NOT NULL,
    -- by the gateway, or by hand (cash, bank) and only recorded here
    by_gateway boolean NOT NULL,
    state text NOT NULL,
    gateway_refund_id text,
    -- The gateway's words, or a person's, on how it stands.
    outcome text NOT NULL DEFAULT '',
    answer jsonb,
    requested_at timestamptz NOT NULL,
    requested_by text NOT NULL,
    finished_at timestamptz,
    asks integer NOT NULL DEFAULT 0,
    next_ask_at timestamptz,
    -- What took the money out of the wallet; its reversal when the gateway refused.
    entry_id bigint NOT NULL,
    PRIMARY KEY (customer_id, refund_id),
    CONSTRAINT refund_reference_unique UNIQUE (customer_id, reference),
    CONSTRAINT refund_payment_exists FOREIGN KEY (customer_id, payment_id) REFERENCES payment (customer_id, payment_id),
    CONSTRAINT refund_amount_positive CHECK (amount > 0),
    CONSTRAINT refund_has_a_reason CHECK (reason <> ''),
    CONSTRAINT refund_state_known CHECK (state IN ('requested', 'unknown', 'done', 'refused')),
    -- prevents taking a gateway's answer about one refund for another's
    CONSTRAINT refund_gateway_id_unique UNIQUE (customer_id, gateway_refund_id)
);
CREATE INDEX refund_by_id ON refund (refund_id);
CREATE INDEX refund_by_reference ON refund (reference);
CREATE INDEX refund_of_payment ON refund (customer_id, payment_id);
-- prevents sending a second refund of a payment while nobody knows of the first: a gateway
-- that keeps no id of ours could not tell them apart
CREATE UNIQUE INDEX refund_one_open ON refund (customer_id, payment_id) WHERE state IN ('requested', 'unknown');
CREATE INDEX refund_to_ask ON refund (next_ask_at) WHERE next_ask_at IS NOT NULL;

-- The token of a gateway's account, shared by all processes; sealed with the key that is
-- not in the database.
CREATE TABLE gateway_token (
    account text PRIMARY KEY,
    sealed bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    granted_at timestamptz NOT NULL
);

-- A link that opens one payment and no session; the token that signs it is not here.
CREATE TABLE payment_link (
    link_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id bigint NOT NULL CONSTRAINT payment_link_customer_exists REFERENCES customer (customer_id),
    amount numeric(16, 2),
    bill_id bigint,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    expires_at timestamptz NOT NULL,
    withdrawn_at timestamptz,
    -- The attempt that it opened, when that is paid the link is spent.
    attempt_id bigint CONSTRAINT payment_link_attempt_exists REFERENCES payment_attempt (attempt_id),
    CONSTRAINT payment_link_amount_positive CHECK (amount > 0)
);
CREATE INDEX payment_link_of_customer ON payment_link (customer_id, link_id);
