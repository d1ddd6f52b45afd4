"""The sentinel: follows operators on L1 and L2, submissions on L2, jobs and deposits on every action chain."""
