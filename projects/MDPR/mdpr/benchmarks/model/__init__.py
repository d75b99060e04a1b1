"""What the network costs: time and memory of its forms, for ``scripts/benchmark_model.py``."""
