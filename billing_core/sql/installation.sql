-- read_zone --
-- The zone whose civil days are service days.
SELECT zone FROM installation
