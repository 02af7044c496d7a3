-- What the pages of network, runs, logs and imports need.

-- A disabled NAS lets nobody in. What it accounts is still recorded, and it still takes
-- Disconnect: the sessions on it are real.
ALTER TABLE nas ADD COLUMN is_disabled boolean NOT NULL DEFAULT false;

-- Not sold any more; who has it keeps it.
ALTER TABLE package ADD COLUMN is_withdrawn boolean NOT NULL DEFAULT false;

-- Sessions that run, newest first. A session's id never changes and it ends once, so that
-- reports of running sessions leave the index alone. "session_id > 0" is always true, and
-- said by the list alone: without it a plan made while nobody is online takes this index
-- for a customer's running session, too, and each login then walks all who are online.
CREATE INDEX acct_session_running_newest ON acct_session (session_id)
    WHERE ended_at IS NULL AND session_id > 0;
-- What NAS answered lately.
CREATE INDEX outbox_by_time ON outbox USING brin (created_at) WITH (autosummarize = on);
-- Who did what, newest first, whatever it was done to.
CREATE INDEX customer_event_by_time ON customer_event (at, customer_event_id);
CREATE INDEX operator_event_by_time ON operator_event (at, operator_event_id);
-- The same of one kind of thing done, which may be rare among millions.
CREATE INDEX customer_event_by_what ON customer_event (what, at, customer_event_id);
CREATE INDEX operator_event_by_what ON operator_event (what, at, operator_event_id);

-- Files of customers to take on. One is imported whole or not at all, and once.
CREATE TABLE customer_import (
    import_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uploaded_at timestamptz NOT NULL,
    actor text NOT NULL,
    file_name text NOT NULL,
    -- Of the file: the same one twice is told so.
    sha256 bytea NOT NULL,
    -- The file, sealed like passwords, which stand in it; gone once it is imported, and
    -- after a day.
    sealed bytea,
    imported_at timestamptz,
    customers integer NOT NULL DEFAULT 0,
    CONSTRAINT customer_import_counted CHECK ((imported_at IS NULL) = (customers = 0)),
    CONSTRAINT customer_import_forgets CHECK (imported_at IS NULL OR sealed IS NULL)
);
-- prevents the same file from being imported twice, whoever comes at the same moment
CREATE UNIQUE INDEX customer_import_once ON customer_import (sha256) WHERE imported_at IS NOT NULL;
