"""Sandboxes for users' scripts, one file a language, each run in a process of its own that can reach nothing."""
