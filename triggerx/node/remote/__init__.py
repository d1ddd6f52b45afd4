"""What `triggerx jobs`, `tasks` and `audit` do: they ask a network's API, and act on its chain with an owner's key."""
