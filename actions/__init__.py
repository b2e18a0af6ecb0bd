"""What can be done and how people are reached; knows nothing of rules, incidents or people."""
