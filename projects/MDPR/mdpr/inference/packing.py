"""From a run, or weights of the authors' release, to a model file."""

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from fastreid.config import CfgNode
from torch import nn

from mdpr.checkpoint.implied_config import implied_overrides, is_mdpr
from mdpr.checkpoint.official import convert_official_state_dict, is_official
from mdpr.checkpoint.reading import read_checkpoint, state_dict_of
from mdpr.config import changed
from mdpr.deployment import DeployedMDPR, deploy
from mdpr.engine.results import read_results
from mdpr.engine.setup import make_config
from mdpr.errors import CheckpointError, InputError
from mdpr.inference.model_file import fingerprint_of, write_model_file
from mdpr.inference.preprocessing import preprocessing_of
from mdpr.inference.sources import Source, from_config, from_run
from mdpr.modeling.meta_arch import MDPR

_PATHS = ("MODEL.WEIGHTS", "MODEL.BACKBONE.PRETRAIN_PATH", "OUTPUT_DIR")
"""What says where things lay on the machine that packed, and nothing of the model."""


def pack_run(
    folder: str | Path, path: str | Path, *, weights: str | Path | None = None, **about: Any
) -> None:
    """Write the model file of a run.

    Args:
        folder: ``OUTPUT_DIR`` of the run.
        path: the model file.
        weights: the checkpoint; None takes the last one, which ``--eval-only`` evaluates too, and the scores
            of ``results.json`` with it.
        about: as `pack`'s.

    Raises:
        InputError, CheckpointError, ConfigError: as `Embedder`, and as `pack`.
    """
    if weights is None and (Path(folder) / "results.json").is_file():
        about.setdefault("metrics", read_results(folder)[0])
    pack(from_run(folder, weights), path, **about)


def pack_weights(
    weights: str | Path,
    path: str | Path,
    config: str | Path | None = None,
    options: Sequence[str] = (),
    **about: Any,
) -> None:
    """Write the model file of a weight file that is of no run, such as one of the authors' release.

    Args:
        weights: the weight file.
        path: the model file.
        config: a config file; None takes fast-reid's defaults, and the recipe's size of images and heads.
        options: ``KEY VALUE ...`` on top of what the weights imply.
        about: as `pack`'s.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError, ConfigError: a file that cannot be used, or weights that imply no config.
    """
    content = state_dict_of(read_checkpoint(weights), weights)
    names = {name.removeprefix("module."): tensor for name, tensor in content.items()}
    ours = convert_official_state_dict(names) if is_official(names) else names
    implied: dict[str, Any] = {}
    if is_mdpr(ours):
        implied = {**(_RECIPE if config is None else {}), **implied_overrides(ours)}
    elif config is None:
        raise CheckpointError(
            f"{weights} holds no MDPR network, whose config could be read off: name it by --config"
        )
    given = [str(part) for pair in {**implied, "MODEL.DEVICE": "cpu"}.items() for part in pair]
    cfg, _ = make_config(str(config or ""), [*given, *options])
    if config is None and "DATASETS.NAMES" not in options:
        cfg = changed(
            cfg, "DATASETS.NAMES", ()
        )  # weights do not tell, and fast-reid's default would be a claim
    pack(from_config(cfg, weights), path, **about)


_RECIPE: Mapping[str, Any] = {
    "MODEL.HEADS.NAME": "MDPRHead",
    "MODEL.HEADS.WITH_BNNECK": True,
    "MODEL.HEADS.POOL_LAYER": "GeneralizedMeanPoolingP",
    "MODEL.HEADS.NECK_FEAT": "after",
    "MODEL.HEADS.CLS_LAYER": "CircleSoftmax",
    "INPUT.SIZE_TRAIN": [384, 192],
    "INPUT.SIZE_TEST": [384, 192],
}
"""What weights do not tell: the paper's, and the authors' release's."""


def pack(
    source: Source,
    path: str | Path,
    *,
    metrics: Mapping[str, Any] | None = None,
    licence: str | None = None,
    description: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write a model file.

    Args:
        source: network and config, from `mdpr.inference.sources`; MDPR's is deployed, another stays as it is.
        path: the model file, ``.safetensors``.
        metrics: scores by data set, as in ``results.json``.
        licence: of the weights; None says that nothing is stated.
        description: a sentence or more for whoever reads the model card.
        overwrite: replace a file that is there.

    Raises:
        InputError: the name does not end in ``.safetensors``, or a file is there already.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise InputError(f"{path} is to be a model file: expected a name that ends in .safetensors")
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists: choose another name, or replace it with --force")
    network, cfg = source.network.eval(), source.cfg
    deployed = deploy(network, attention=True) if isinstance(network, MDPR) else network
    about = {"metrics": dict(metrics or {}), "licence": licence, "description": description}
    write_model_file(path, deployed.state_dict(), {**metadata_of(deployed, cfg), **about})


def metadata_of(network: nn.Module, cfg: CfgNode) -> dict[str, Any]:
    """What a model file says of a network of which nothing but the config is known.

    Args:
        network: the form that is used, on the CPU in eval mode; MDPR's deployed, with its attention.
        cfg: its config.
    """
    preprocessing = preprocessing_of(cfg)
    layout = _layout(network, preprocessing["size"])
    return {
        "config": _without_paths(cfg).dump(),
        "preprocessing": preprocessing,
        "layout": layout,
        "dimension": layout[-1]["stop"],
        "training_data": {"names": list(cfg.DATASETS.NAMES), "identities": int(cfg.MODEL.HEADS.NUM_CLASSES)},
        "metrics": {},
        "calibration": None,
        "licence": None,
        "description": None,
        "code_version": {name: _version(name) for name in ("mdpr", "fastreid", "torch")},
        "fingerprint": fingerprint_of(network.state_dict(), preprocessing),
    }


def _layout(network: nn.Module, size: Sequence[int]) -> list[dict[str, Any]]:
    """Which numbers of the feature come from which head."""
    if isinstance(network, DeployedMDPR):
        heads: Any = network.network.heads
        widths = {name: len(head.scale) for name, head in heads.items()}
        if network.network.nested is not None:
            widths = {"nested": network.network.nested.tested}
    else:
        with torch.inference_mode():
            widths = {"feature": network(torch.zeros(1, 3, *size)).shape[1]}
    layout, start = [], 0
    for name, width in widths.items():
        layout.append({"name": name, "start": start, "stop": start + width})
        start += width
    return layout


def _without_paths(cfg: CfgNode) -> CfgNode:
    return changed(cfg, *(part for key in _PATHS for part in (key, "")))


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:  # copied, not installed
        return None
