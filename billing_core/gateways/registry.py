"""Make the gateways that an installation has set up."""

import httpx

from billing_core.gateway_settings import PaymentSettings
from billing_core.gateways.bkash import BkashGateway, TokenStore
from billing_core.gateways.contract import Gateway
from billing_core.gateways.nagad import NagadGateway
from billing_core.gateways.sslcommerz import SslcommerzGateway


def make_gateways(
    settings: PaymentSettings, tokens: TokenStore, client: httpx.Client
) -> dict[str, Gateway]:
    """Return each gateway that is set up, by its name."""
    made: list[Gateway] = []
    if settings.bkash is not None:
        made.append(BkashGateway(settings.bkash, client, tokens))
    if settings.nagad is not None:
        made.append(NagadGateway(settings.nagad, client))
    if settings.sslcommerz is not None:
        made.append(SslcommerzGateway(settings.sslcommerz, client))
    return {gateway.name: gateway for gateway in made}
