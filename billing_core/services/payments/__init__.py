"""Payments by gateway and transfer: start, ask, credit, decide, reconcile."""

from billing_core.db.gateway_tokens import GatewayTokens
from billing_core.gateways.contract import Gateway
from billing_core.gateways.registry import make_gateways
from billing_core.gateways.transport import new_client
from billing_core.settings import Settings


def open_gateways(settings: Settings) -> dict[str, Gateway]:
    """Return the gateways of an installation by name; they share tokens by its key.

    Safe to use from many threads; to be made once in a process, after it has forked.
    """
    tokens = GatewayTokens(settings.database_url, settings.secret_key)
    return make_gateways(settings.payments, tokens, new_client())
