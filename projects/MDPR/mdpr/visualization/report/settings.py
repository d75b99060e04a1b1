"""How the configs of runs differ from what they stand on, and from each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from fastreid.config import get_cfg

import mdpr
from mdpr.config import add_mdpr_config
from mdpr.data.options import add_dataset_keys
from mdpr.engine.config_file import leaves, merge, read_layers

_BASE: Final = Path(mdpr.__file__).parents[3] / "configs/Base-MDPR.yml"  # of a checkout
_MISSING: Final = "-"


@dataclass(frozen=True)
class Difference:
    """A key, its value in the base and in each run, as text, and whether the runs differ in it."""

    key: str
    base: str
    values: tuple[str, ...]
    between_runs: bool


def base_settings() -> tuple[str, dict[str, Any]]:
    """What configs are held against, by name and by full key: ``Base-MDPR.yml`` on the defaults.

    An installed package does not have that file: the defaults alone.
    """
    cfg = get_cfg()
    add_mdpr_config(cfg)
    add_dataset_keys(cfg)
    name = "the defaults of fast-reid and MDPR"
    if _BASE.is_file():
        for layer in read_layers(str(_BASE)):
            merge(cfg, layer)
        name = f"configs/{_BASE.name} on {name}"
    # The way that a run's config.yaml has gone, so that equal values are equal.
    return name, dict(leaves(yaml.safe_load(cfg.dump())))


def differences(base: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> list[Difference]:
    """Keys of runs whose values differ; those in which the runs differ from each other come first."""
    found = []
    for key in sorted({key for settings in runs for key in settings}):
        values = [settings.get(key, _MISSING) for settings in runs]
        between = any(value != values[0] for value in values)
        if between or values[0] != base.get(key, _MISSING):
            texts = tuple(map(_text, values))
            found.append(Difference(key, _text(base.get(key, _MISSING)), texts, between))
    return sorted(found, key=lambda one: not one.between_runs)


def _text(value: Any) -> str:
    return "''" if value == "" else str(value)
