"""Nagad's merchant checkout, API v-0.2.0."""

from billing_core.gateways.nagad.client import NagadGateway
from billing_core.gateways.nagad.settings import (
    PLAIN_NAMES,
    SECRET_NAMES,
    NagadSettings,
    read_settings,
)

__all__ = [
    "PLAIN_NAMES",
    "SECRET_NAMES",
    "NagadGateway",
    "NagadSettings",
    "read_settings",
]
