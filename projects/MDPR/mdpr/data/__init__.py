"""Data sets, their layouts and loaders."""
