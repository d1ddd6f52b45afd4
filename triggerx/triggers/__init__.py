"""What can make a job fire, one file a kind: which moments match, and whether a claimed one is true."""
