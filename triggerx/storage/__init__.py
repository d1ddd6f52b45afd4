"""Durable facts: the store's queries written once over a small session, behind it SQLite or Postgres."""

from triggerx.storage.store import open_store

__all__ = ["open_store"]
