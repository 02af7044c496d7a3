"""Payment gateways: one module each, behind the one Protocol of contract.py."""
