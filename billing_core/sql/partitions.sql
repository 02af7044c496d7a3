-- has_partition --
-- Whether the history of a month has its own table.
SELECT to_regclass(%(name)s) IS NOT NULL
