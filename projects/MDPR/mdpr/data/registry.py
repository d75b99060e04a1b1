"""Data sets by name."""

from pathlib import Path
from typing import Any

from fastreid.config import CfgNode
from fastreid.data.datasets import DATASET_REGISTRY
from fastreid.data.datasets.bases import ImageDataset

import mdpr.data.datasets  # noqa: F401 - registers them
from mdpr.data.datasets.base import CheckedDataset, dataset_root
from mdpr.data.options import dataset_options
from mdpr.errors import ConfigError, DatasetError, did_you_mean


def known_datasets() -> list[str]:
    """Names that ``DATASETS.NAMES`` and ``DATASETS.TESTS`` may hold."""
    return sorted(DATASET_REGISTRY._obj_map)


def load_dataset(
    name: str,
    cfg: CfgNode,
    *,
    combineall: bool = False,
    strict: bool = True,
    root: str | Path | None = None,
) -> ImageDataset:
    """Make a data set with the options of a config.

    Args:
        name: a name out of `known_datasets`.
        cfg: a config with the keys of `mdpr.config.add_dataset_config`.
        combineall: add query and gallery to the training images (``DATASETS.COMBINEALL``).
        strict: False leaves out images whose names do not parse, and lists them in the data set's
            ``naming_problems``, where True stops; only for the data sets of this package.
        root: the folder of all data sets; None stands for ``$FASTREID_DATASETS`` as it is now, or else
            ``datasets``.

    Returns:
        The data set.

    Raises:
        ConfigError: there is no data set of this name, or an option has a bad value.
        DatasetError: the files are missing, or not what they should be.
    """
    if name not in known_datasets():
        known = known_datasets()
        raise ConfigError(
            f"{name!r} is not a data set{did_you_mean(name, known)}: expected one of {', '.join(known)}"
        )
    dataset_class: Any = DATASET_REGISTRY.get(name)
    options = dataset_options(cfg, name)
    folder = dataset_root() if root is None else str(root)
    if issubclass(dataset_class, CheckedDataset):
        options["strict"] = strict
    try:
        return dataset_class(root=folder, combineall=combineall, **options)
    except RuntimeError as error:
        if type(error) is not RuntimeError:
            raise
        # This is how fast-reid's own sets report a missing folder.
        raise DatasetError(
            f"{name}: {error}. Data sets are looked for in the folder that the environment variable "
            f"FASTREID_DATASETS sets (default: datasets/), now {folder!r}"
        ) from error
