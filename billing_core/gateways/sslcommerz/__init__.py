"""SSLCommerz: hosted checkout (session API v4), IPN, validation API, refunds.

``signature`` knows the hashes of an IPN, ``answers`` what their words mean, ``client``
speaks HTTP and keeps the password out of sight, ``gateway`` is what the rest calls.
"""

from billing_core.gateways.sslcommerz.gateway import SslcommerzGateway
from billing_core.gateways.sslcommerz.settings import (
    PLAIN_NAMES,
    SECRET_NAMES,
    SslcommerzSettings,
    read_settings,
)

__all__ = (
    "PLAIN_NAMES",
    "SECRET_NAMES",
    "SslcommerzGateway",
    "SslcommerzSettings",
    "read_settings",
)
