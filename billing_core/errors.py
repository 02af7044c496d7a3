"""The base of every error that our own rules raise."""


class BillingError(Exception):
    """A rule of the business was broken; the message says which, for a person."""
