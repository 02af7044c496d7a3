"""Queries: one typed function for each named query of billing_core/sql."""
