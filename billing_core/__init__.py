"""Hold what Khata knows of money, time, customers and their sessions."""
