"""A role by somebody else: it keeps a receipt of every attested task."""
