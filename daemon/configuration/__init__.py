"""How config.yaml is read, checked and described; `daemon.config` is its public face."""
