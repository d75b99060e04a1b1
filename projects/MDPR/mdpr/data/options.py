"""Config keys of the data sets: a class names its own, as arguments of its constructor.

A class in fast-reid's registry may have ``config_options``: an argument of its constructor to the full key
that holds its value, and what is allowed. ``{"version": ("DATASETS.MSMT17.VERSION", Choice(("V1", "V2")))}``.
A key that the config does not have yet gets the constructor's default, so that a data set with an option is
one file.
"""

import inspect
from typing import Any

from fastreid.config import CfgNode
from fastreid.data.datasets import DATASET_REGISTRY

import mdpr.data.datasets  # noqa: F401 - registers them
from mdpr.data.datasets.base import ConfigOptions
from mdpr.rules import value_of


def add_dataset_keys(cfg: CfgNode) -> None:
    """Add the keys that registered classes name and the config does not have."""
    for name in sorted(DATASET_REGISTRY._obj_map):
        arguments = inspect.signature(DATASET_REGISTRY.get(name).__init__).parameters
        for argument, (key, _) in _options(name).items():
            *parents, leaf = key.split(".")
            node = cfg
            for parent in parents:
                node = node.setdefault(parent, CfgNode())
            node.setdefault(leaf, arguments[argument].default)


def dataset_options(cfg: CfgNode, name: str) -> dict[str, Any]:
    """Keyword arguments, besides the root, that the config asks for a data set's constructor.

    Args:
        cfg: a config with the keys of the data sets.
        name: the data set's name in fast-reid's registry.

    Returns:
        The arguments; empty for a set without options.

    Raises:
        ConfigError: a key has a value that is not allowed.
    """
    values = {}
    for argument, (key, rule) in _options(name).items():
        values[argument] = value_of(cfg, key)
        rule.check(key, values[argument])
    return values


def _options(name: str) -> ConfigOptions:
    return getattr(DATASET_REGISTRY.get(name), "config_options", {})
