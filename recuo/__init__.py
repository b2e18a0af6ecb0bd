"""Recuo: what the three packages share, and the version."""

__version__ = "0.1.0"
