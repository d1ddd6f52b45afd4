"""Pulse: knows which keepers are alive, and tells their operators when they are not."""
