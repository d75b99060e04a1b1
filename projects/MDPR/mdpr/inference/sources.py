"""From whatever a user has of a model to a network that makes features, and what it wants images to be."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import yaml
from fastreid.config import CfgNode, get_cfg
from fastreid.modeling.meta_arch import build_model
from torch import Tensor, nn

from mdpr.checkpoint.checkpointer import SafeCheckpointer
from mdpr.checkpoint.reading import first_names
from mdpr.config import add_mdpr_config, changed
from mdpr.deployment import DeployedMDPR, deploy
from mdpr.engine.network import build_network, evaluated_form
from mdpr.engine.resume.resume_points import named_last
from mdpr.engine.setup import make_config
from mdpr.errors import CheckpointError, InputError
from mdpr.inference.compression import Compression, take_from
from mdpr.inference.export.runtime import is_graph, open_graph
from mdpr.inference.model_file import ModelFile, read_model_file
from mdpr.modeling.meta_arch import MDPR

_EXPECTED = (
    "a file that `mdpr pack` or `mdpr export` wrote, the folder of a run, (config, weights), (config, "
    "network), or an MDPR network built from a config"
)


@dataclass(frozen=True)
class Source:
    """A network in eval mode, its config, and the model file that it came from and what that has behind the
    network, if any.
    """

    network: nn.Module
    cfg: CfgNode
    file: ModelFile | None = None
    compression: Compression | None = None


def open_source(source: Any, device: torch.device, dtype: torch.dtype) -> Source:
    """Make the network of a source.

    Args:
        source: one of `Embedder`'s.
        device: where it is to compute.
        dtype: float32: the form that an evaluation uses; bfloat16: MDPR's deployed form in it.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: nothing that a network can be made of.
        CheckpointError, ConfigError: a file that cannot be used.
    """
    if is_graph(source):
        return _from_graph(source, device, dtype)
    if isinstance(source, (str, Path)) and not Path(source).is_dir():
        found = from_model_file(read_model_file(source))
    elif isinstance(source, (str, Path)):
        found = from_run(source)
    elif isinstance(source, tuple) and len(source) == 2:
        found = from_config(*source)
    elif isinstance(source, nn.Module):
        found = Source(copy.deepcopy(source), _config_of(source))
    else:
        raise InputError(f"source is a {type(source).__name__}: expected {_EXPECTED}")
    network = found.network
    if dtype != torch.float32 and isinstance(network, MDPR):
        network = deploy(network, dtype=dtype)
    elif isinstance(network, DeployedMDPR) and found.file is not None:
        network.compute_in(dtype)
    return replace(found, network=evaluated_form(found.cfg, network).to(device).eval())


def from_run(folder: str | Path, weights: str | Path | None = None) -> Source:
    """The network that ``--eval-only`` would evaluate: of the last checkpoint, unless ``weights`` names one.

    Raises:
        InputError: the folder is not that of a run, or has no checkpoint.
        CheckpointError, ConfigError: a file that cannot be used.
    """
    config_file = Path(folder) / "config.yaml"
    if not config_file.is_file():
        raise InputError(f"{folder} is not the folder of a run: it has no config.yaml")
    weights = weights or named_last(Path(folder))
    if weights is None:
        raise InputError(f"{folder} has no checkpoint: expected one of a run that wrote `last_checkpoint`")
    return from_config(config_file, weights)


def from_config(config: str | Path | CfgNode, weights: str | Path | nn.Module) -> Source:
    """The network of a config and a weight file, or one that was made from that config already.

    Raises:
        CheckpointError, ConfigError: a file that cannot be used.
    """
    if isinstance(config, CfgNode):
        cfg = changed(config, "MODEL.DEVICE", "cpu", "MODEL.BACKBONE.PRETRAIN", False)
    else:
        cfg, _ = make_config(str(config), ["MODEL.DEVICE", "cpu", "MODEL.BACKBONE.PRETRAIN", "False"])
    if isinstance(weights, nn.Module):
        return Source(copy.deepcopy(weights), cfg)  # it may be in training still
    network = build_network(cfg)
    SafeCheckpointer(network, prefer_averaged=cfg.SOLVER.EMA.LOAD).load(str(weights))
    return Source(network.eval(), cfg)


def from_model_file(file: ModelFile) -> Source:
    """The network of a model file, in float32.

    Raises:
        CheckpointError: the file is not what was written, or its weights do not fit its config.
    """
    cfg = _config_in(file.metadata)
    is_mdpr = cfg.MODEL.META_ARCHITECTURE == "MDPR"
    # What the file brings is not made first; other architectures have parts that no file has.
    with torch.device("meta" if is_mdpr else "cpu"):
        network = build_model(changed(cfg, "MODEL.DEVICE", "meta" if is_mdpr else "cpu"))
        network = deploy(network, attention=True) if isinstance(network, MDPR) else network
    weights = file.weights()
    compression = take_from(weights)
    _load(network, weights, file.path)
    network = network.to(memory_format=torch.channels_last) if is_mdpr else network
    return Source(network, cfg, file, compression)


def _from_graph(path: str | Path, device: torch.device, dtype: torch.dtype) -> Source:
    if device.type != "cpu" or dtype != torch.float32:
        raise InputError(f"{path} runs on the CPU, in the precision it was exported in: give it no other")
    network, metadata = open_graph(path)
    # The graph has the mirror image in it.
    cfg = changed(_config_in(metadata), "TEST.FLIP.ENABLED", False)
    return Source(network, cfg, ModelFile(Path(path), metadata, checksum=""))


def _config_in(metadata: Mapping[str, Any]) -> CfgNode:
    cfg = get_cfg()
    add_mdpr_config(cfg)
    cfg.set_new_allowed(True)  # keys of a user's own project
    cfg.merge_from_other_cfg(CfgNode(yaml.safe_load(metadata["config"])))
    cfg.freeze()
    return cfg


def _load(network: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    own = network.state_dict()
    unlike = [name for name in sorted({*own, *weights}) if _shape(own, name) != _shape(weights, name)]
    if unlike:
        raise CheckpointError(
            f"{path}: {len(unlike)} of its weights do not fit the network of its config "
            f"({first_names(unlike)}; {unlike[0]} is {_shape(weights, unlike[0])} in the file and "
            f"{_shape(own, unlike[0])} in the network): it was written by other code; pack the run again"
        )
    network.load_state_dict(weights, assign=True)


def _shape(weights: Mapping[str, Tensor], name: str) -> tuple[int, ...] | str:
    return tuple(weights[name].shape) if name in weights else "missing"


def _config_of(network: nn.Module) -> CfgNode:
    """What is known of the config of a network that comes alone."""
    method = network.network if isinstance(network, DeployedMDPR) else network
    size = getattr(method, "test_size", None)
    if size is None:
        raise InputError(
            f"source is a {type(network).__name__}, which does not know how large its images should be: "
            "give it with its config, as (config, network)"
        )
    cfg = get_cfg()
    add_mdpr_config(cfg)
    cfg.INPUT.SIZE_TEST = list(size)
    cfg.TEST.MDPR.NESTED_DIM = getattr(method.nested, "tested", 0)
    return cfg
