"""A whole network on one machine: chains, contracts, operators, the five roles, and a user who tries it."""
