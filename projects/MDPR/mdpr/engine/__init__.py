"""From the command line to a trained and evaluated model."""
