-- read_zone --
-- The zone whose civil days are service days.
SELECT zone FROM installation

-- read_installation --
-- What the books are kept in.
SELECT currency, zone FROM installation
