"""The top rung: files that an evaluation leaves, and their scores without a model."""
