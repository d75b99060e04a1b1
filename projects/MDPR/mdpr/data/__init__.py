"""Data sets, loading, augmentation."""
