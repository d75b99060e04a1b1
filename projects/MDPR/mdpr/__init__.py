"""MDPR (Mutual Distillation Learning for Person Re-identification, arXiv 2401.06430) for fast-reid."""
