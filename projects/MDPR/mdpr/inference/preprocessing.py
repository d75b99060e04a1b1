"""What a network wants an image to be, in words and numbers: for people, and for other programs."""

from typing import Any

from fastreid.config import CfgNode


def preprocessing_of(cfg: CfgNode) -> dict[str, Any]:
    """The evaluation's preprocessing, as plain JSON values.

    Returns:
        ``size`` [height, width] that the network takes, ``resize`` to which images are scaled first (the
        same unless ``INPUT.CROP`` cuts the middle out), ``mean`` and ``std`` of each channel in 0..255,
        ``color`` order of channels, ``interpolation``, ``range`` of pixels, and ``flip``: whether features
        are the mean of an image's and its mirror image's.
    """
    size, crop = list(cfg.INPUT.SIZE_TEST), cfg.INPUT.CROP
    return {
        "size": [int(side) for side in (crop.SIZE if crop.ENABLED else size)],
        "resize": [int(side) for side in size],
        "mean": [float(value) for value in cfg.MODEL.PIXEL_MEAN],
        "std": [float(value) for value in cfg.MODEL.PIXEL_STD],
        "color": "rgb",
        "interpolation": "bicubic",
        "range": [0, 255],
        "flip": bool(cfg.TEST.FLIP.ENABLED),
    }
