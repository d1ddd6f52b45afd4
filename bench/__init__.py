"""Measures the figures the project promises: one module a figure, each against a peer, a limit, or as a count."""
