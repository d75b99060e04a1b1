"""Data sets, and reading them."""
