"""Random affine transforms under today's names.

fast-reid builds torchvision's ``RandomAffine`` with ``resample`` and ``fillcolor``, which are now
``interpolation`` and ``fill``: a config with ``INPUT.AFFINE.ENABLED`` ends in a TypeError.
"""

import inspect
from types import SimpleNamespace
from typing import Any

import fastreid.data.transforms.build
from torchvision.transforms import InterpolationMode, RandomAffine


def random_affine(*, resample: bool, fillcolor: int, **options: Any) -> RandomAffine:
    """``RandomAffine`` by fast-reid's arguments; its ``resample=False`` is the nearest pixel."""
    if resample:
        raise ValueError(f"resample is {resample!r}: fast-reid asks for False, the nearest pixel")
    return RandomAffine(interpolation=InterpolationMode.NEAREST, fill=fillcolor, **options)


def apply() -> None:
    """Make fast-reid's ``build_transforms`` use `random_affine`."""
    module = fastreid.data.transforms.build
    if "resample" not in inspect.signature(RandomAffine.__init__).parameters and module.T.__name__ != "T":
        names = {name: getattr(module.T, name) for name in dir(module.T) if not name.startswith("_")}
        module.T = SimpleNamespace(**{**names, "RandomAffine": random_affine}, __name__="T")
