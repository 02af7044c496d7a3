"""SSLCommerz, *simulated*: sessions, customer page, IPN, validation, query, refunds."""

from simulators.gateways.sslcommerz.app import create_app
from simulators.gateways.sslcommerz.ipn import Ipn, post_ipn
from simulators.gateways.sslcommerz.state import (
    FAULTS,
    STORES,
    Refund,
    Session,
    SslcommerzState,
    Try,
)

__all__ = (
    "FAULTS",
    "STORES",
    "Ipn",
    "Refund",
    "Session",
    "SslcommerzState",
    "Try",
    "create_app",
    "post_ipn",
)
