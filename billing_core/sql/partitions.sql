-- lock_partitions --
-- Held to the end of the transaction by whoever makes tables of history.
SELECT pg_advisory_xact_lock(hashtext('khata.partitions'))

-- has_partition --
-- Whether the history of a month has its own table.
SELECT to_regclass(%(name)s) IS NOT NULL
