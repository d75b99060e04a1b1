"""Data set classes for fast-reid's registry."""
