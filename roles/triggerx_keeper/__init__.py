"""The keeper: executes the tasks it is elected for, judges those of the others, votes, and aggregates when elected."""
