"""One file a source; the file's name is the `kind` in the configuration."""
