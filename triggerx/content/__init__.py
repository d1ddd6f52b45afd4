"""Documents by the hash of their content: kept in the store, fetched from peers, never believed unchecked."""
