"""The images that an export is calibrated and checked with."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from fastreid.config import CfgNode
from fastreid.data.datasets.bases import ImageDataset
from synth_persons.generate import draw_samples
from synth_persons.spec import SynthPersonsSpec

from mdpr.config import changed
from mdpr.data.datasets.image_sources import IMAGE_SUFFIXES
from mdpr.data.registry import load_dataset
from mdpr.errors import InputError
from mdpr.inference.export.check import NUM_CROPS

_MOST_FOR_CALIBRATION: Final = 128


def crops_of_sources(sources: Sequence[str | Path]) -> tuple[list[Any], list[Any]]:
    """Images to check with, and further ones, if there are any, to calibrate with.

    Args:
        sources: image files, and folders that are searched for them; none draws people.

    Returns:
        Up to `NUM_CROPS`, and up to 128, both spread evenly over all that were found.

    Raises:
        InputError: there are no images.
    """
    if not sources:
        drawn = draw_samples(SynthPersonsSpec(), range(1, NUM_CROPS // 2 + 1), (1, 2), 1)
        return [sample.image for sample in drawn], []
    found: list[Path] = []
    for path in map(Path, sources):
        inside = sorted(path.rglob("*")) if path.is_dir() else []
        found += [file for file in inside if file.suffix.lower() in IMAGE_SUFFIXES] or [path]
    folders = [path for path in found if path.is_dir()]
    if folders:
        raise InputError(f"{folders[0]} has no images: expected {', '.join(IMAGE_SUFFIXES)}")
    checked = _spread(found, NUM_CROPS)
    others = [path for path in found if path not in set(checked)]
    return checked, _spread(others, _MOST_FOR_CALIBRATION)


def labelled_set(source: str | Path, cfg: CfgNode) -> ImageDataset:
    """A data set by its name, or the folder of one with ``query/`` and ``gallery/``.

    Raises:
        ConfigError, DatasetError: there is none, or it cannot be read.
    """
    if Path(source).is_dir():
        cfg = changed(cfg, "DATASETS.IMAGE_FOLDER.PATH", str(Path(source).absolute()))
        return load_dataset("ImageFolderReID", cfg)
    return load_dataset(str(source), cfg)


def _spread(paths: list[Path], most: int) -> list[Path]:
    places = np.linspace(0, len(paths) - 1, min(most, len(paths))).round().astype(int)
    return [paths[place] for place in places]
