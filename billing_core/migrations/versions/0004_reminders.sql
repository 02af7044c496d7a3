-- Reminders: what is told, and by what ways.

-- What the settings say of reminders, written by whoever leads the scheduler: a service
-- that suspends knows the database and not the settings. Without the row nothing is told.
CREATE TABLE reminder_policy (
    only_row boolean PRIMARY KEY DEFAULT true,
    -- The ways that there is a sender for.
    channels text[] NOT NULL,
    due_soon_days integer NOT NULL,
    expiring_days integer NOT NULL,
    balance_low numeric(16, 2) NOT NULL,
    -- Reminders that can wait go out between these hours of the zone.
    first_hour integer NOT NULL,
    last_hour integer NOT NULL,
    -- How messages are signed.
    provider text NOT NULL,
    CONSTRAINT reminder_policy_is_one_row CHECK (only_row),
    CONSTRAINT reminder_policy_channels_known CHECK (channels <@ '{sms,mail}')
);

-- A message that lost its point before it left (the bill is paid) is not sent.
ALTER TABLE message DROP CONSTRAINT message_state_known;
ALTER TABLE message ADD CONSTRAINT message_state_known
    CHECK (state IN ('pending', 'sending', 'sent', 'failed', 'cancelled'));

-- Finds the bills of the last days. Bills come in the order of their time, so the index
-- is a few pages and costs an insert next to nothing.
CREATE INDEX bill_by_issue ON bill USING brin (issued_at) WITH (autosummarize = on);

-- The newest messages of all customers, for people.
CREATE INDEX message_newest ON message (message_id);
