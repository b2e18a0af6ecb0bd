"""One file a notifier; the file's name is the `kind` of a receiver in the configuration."""
