"""Ways to tell a person something, one a file; each implements `ports.notifier.Notifier`."""
