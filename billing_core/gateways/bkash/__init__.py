"""bKash Tokenized Checkout v1.2.0-beta ("Checkout URL", without agreement).

``BkashGateway`` fulfils ``Gateway``; what it takes is a merchant's settings, an
httpx.Client and a TokenStore that all processes share.
"""

from billing_core.gateways.bkash.callbacks import SUBSCRIPTION
from billing_core.gateways.bkash.gateway import BkashGateway
from billing_core.gateways.bkash.payments import TRX_ID
from billing_core.gateways.bkash.settings import (
    PLAIN_NAMES,
    SECRET_NAMES,
    BkashSettings,
    read_settings,
)
from billing_core.gateways.bkash.sns import Certificates
from billing_core.gateways.bkash.tokens import (
    GetToken,
    Token,
    TokensInProcess,
    TokenStore,
)

__all__ = [
    "PLAIN_NAMES",
    "SECRET_NAMES",
    "SUBSCRIPTION",
    "TRX_ID",
    "BkashGateway",
    "BkashSettings",
    "Certificates",
    "GetToken",
    "Token",
    "TokenStore",
    "TokensInProcess",
    "read_settings",
]
