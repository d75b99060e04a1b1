"""What a trained network looks at, and what its similarities are made of, as pictures."""
