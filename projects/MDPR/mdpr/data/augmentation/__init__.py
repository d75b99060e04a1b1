"""Training-time transforms: fast-reid's, each image's random numbers a function of its place."""

from mdpr.data.augmentation.build import build_train_transforms
from mdpr.data.augmentation.random_patch import RandomPatch

__all__ = ["RandomPatch", "build_train_transforms"]
