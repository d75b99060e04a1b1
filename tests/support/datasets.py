"""Data sets in tests."""

from pathlib import Path
from typing import Any

from fastreid.config import CfgNode, get_cfg
from mdpr.config import add_dataset_config
from mdpr.data.registry import load_dataset


def dataset_config(*options: Any) -> CfgNode:
    """fast-reid's defaults and the data sets' keys, with ``KEY, value, ...`` on top."""
    cfg = get_cfg()
    add_dataset_config(cfg)
    cfg.merge_from_list(list(options))
    return cfg


def load(name: str, root: Path, *options: Any, **arguments: Any) -> Any:
    """The data set ``name`` under ``root``."""
    return load_dataset(name, dataset_config(*options), root=root, **arguments)


def counts(dataset: Any) -> dict[str, int]:
    """Images per split."""
    return {split: len(getattr(dataset, split)) for split in ("train", "query", "gallery")}
