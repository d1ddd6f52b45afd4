"""The engine: notices that jobs are due, elects performers, and follows each task to its end."""
