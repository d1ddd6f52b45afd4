"""What every HTTP surface of the node shares: problems, keys, limits, routes with policies, and the server itself."""
