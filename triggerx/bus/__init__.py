"""The bus between roles: every file here is one way to carry events, but for their codec."""
