"""Payments by gateway and transfer: start, ask, credit, decide, reconcile."""
