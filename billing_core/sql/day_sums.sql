-- fold_changes --
-- Add what changed to the sums; returns how many changes there were. What is written
-- meanwhile is left for the next time.
WITH folded AS (
    DELETE FROM day_sum_change RETURNING what, day, operator_id, part, items, amount, paid
), added AS (
    INSERT INTO day_sum AS s (what, day, operator_id, part, items, amount, paid)
    SELECT what, day, operator_id, part, sum(items), sum(amount), sum(paid) FROM folded GROUP BY 1, 2, 3, 4
    ON CONFLICT (what, day, operator_id, part) DO UPDATE
       SET items = s.items + EXCLUDED.items, amount = s.amount + EXCLUDED.amount, paid = s.paid + EXCLUDED.paid)
SELECT count(*) FROM folded
