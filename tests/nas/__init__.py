"""Network equipment that we did not write, as peers of the whole stack."""
