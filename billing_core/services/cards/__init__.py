"""Recharge cards: make, print, activate and void them, and redeem their PINs."""
