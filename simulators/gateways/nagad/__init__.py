"""Nagad, *simulated*: a merchant's account, its API v-0.2.0 and the customer's page."""

from simulators.gateways.nagad.app import create_app
from simulators.gateways.nagad.sealing import AccountKeys, new_keys
from simulators.gateways.nagad.state import FAULTS, NagadState, SimulatedOrder, Status

__all__ = [
    "FAULTS",
    "AccountKeys",
    "NagadState",
    "SimulatedOrder",
    "Status",
    "create_app",
    "new_keys",
]
