"""What a user sees of a run: progress, curves, warnings, and a table at the end."""
