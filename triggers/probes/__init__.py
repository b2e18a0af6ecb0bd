"""What the sources of this machine and of an endpoint read with: no configuration, no rules, nothing of the daemon."""
