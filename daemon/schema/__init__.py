"""The published JSON Schema of the configuration, for editors; `python -m daemon.configuration.schema` writes it."""
