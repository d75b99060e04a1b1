"""A trained network as a file that other programs run, checked against the embedder before it is there."""
