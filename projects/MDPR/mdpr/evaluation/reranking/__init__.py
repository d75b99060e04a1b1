"""The third rung: what the nearest neighbours among all images add."""
