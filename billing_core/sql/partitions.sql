-- has_partition --
-- Whether the history of a month has its own table.
SELECT to_regclass(%(name)s) IS NOT NULL

-- count_default --
-- Packets in the catch-all partition: there should be none.
SELECT count(*) FROM acct_event_default
