"""The bus between the roles of one node; every file here is one way to carry events."""
