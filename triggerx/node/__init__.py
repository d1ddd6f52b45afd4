"""The composition of a node: configuration, keys, adapters, roles and their supervision.

This is the only place that knows every adapter; it decides nothing about jobs or tasks.
"""
