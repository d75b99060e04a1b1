"""What the benchmark scripts measure, and how their pages are made."""
