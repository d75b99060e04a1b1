"""The second rung: what distances and labels come to, as scores."""
