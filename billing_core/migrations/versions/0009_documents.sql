-- Bills, credit notes and receipts as PDF, as they were issued.

-- Made when somebody first asks for it, and the same bytes for ever after. What can
-- change of a bill or payment is in the standing (void, another due date, taken back,
-- given back): a change makes another document beside the first, which stays.
CREATE TABLE document (
    customer_id bigint NOT NULL,
    document_id bigint GENERATED ALWAYS AS IDENTITY,
    kind text NOT NULL,
    -- What is printed as its number.
    subject text NOT NULL,
    standing text NOT NULL DEFAULT '',
    language text NOT NULL,
    -- Which templates made it. Not part of the key: newer ones change nothing that was
    -- issued.
    template_version integer NOT NULL,
    content bytea NOT NULL,
    sha256 bytea NOT NULL,
    made_at timestamptz NOT NULL,
    made_by text NOT NULL,
    PRIMARY KEY (customer_id, document_id),
    -- prevents a paper from existing in two forms, whoever asks at the same moment
    CONSTRAINT document_made_once UNIQUE (customer_id, kind, subject, standing, language),
    CONSTRAINT document_customer_exists FOREIGN KEY (customer_id) REFERENCES customer (customer_id),
    CONSTRAINT document_kind_known CHECK (kind IN ('bill', 'credit_note', 'receipt')),
    CONSTRAINT document_language_known CHECK (language IN ('en', 'bn')),
    -- A page has some 20 kB: what is larger is a mistake that fills the disk.
    CONSTRAINT document_size_bounded CHECK (length(content) BETWEEN 1 AND 1048576),
    CONSTRAINT document_hash_is_its_own CHECK (sha256 = sha256(content))
);
-- A PDF is compressed already.
ALTER TABLE document ALTER COLUMN content SET STORAGE EXTERNAL;
CREATE TRIGGER document_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON document
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
