"""The sentinel: follows operator registrations on L1 and L2 and task submissions on L2 into the store."""
