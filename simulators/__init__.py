"""Stand-ins for equipment and gateways we lack; what they show is *simulated*."""
