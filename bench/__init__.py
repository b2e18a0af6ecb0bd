"""What measures speed and cost; `make bench` runs all of it."""
