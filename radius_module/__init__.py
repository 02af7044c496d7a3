"""Khata's RADIUS side: what FreeRADIUS calls, and the client that changes sessions."""
