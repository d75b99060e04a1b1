"""Config, output folder, logging and seed of a run."""

import argparse
import logging
import os
import platform
import shlex
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from fastreid.config import CfgNode, get_cfg
from fastreid.utils import comm
from fastreid.utils.env import seed_all_rng
from fastreid.utils.logger import setup_logger

from mdpr.config import add_mdpr_config, changed
from mdpr.data.options import add_dataset_keys
from mdpr.engine.checks import check_config
from mdpr.engine.config_file import Layer, merge, option_layer, read_layers
from mdpr.engine.machine import fit_to_machine
from mdpr.engine.resume.output_dir import set_aside_previous_run
from mdpr.engine.resume.resume_points import named_last
from mdpr.errors import ConfigError
from mdpr.files import write_atomically
from mdpr.host import usable_cores
from mdpr.rules import value_of

logger = logging.getLogger(__name__)


def make_config(
    config_file: str,
    options: Sequence[Any],
    extend: Sequence[Callable[[CfgNode], Any]] = (),
    *,
    gpus: int | None = None,
) -> tuple[CfgNode, list[str]]:
    """Read a config, check it before anything else happens, and fit it to this machine.

    Args:
        config_file: path of a YAML file; empty for fast-reid's defaults.
        options: ``KEY VALUE KEY VALUE ...`` that override it.
        extend: functions of a project that add its keys to the config, before the file is read.
        gpus: how many were asked for by ``--num-gpus``; None where it was not given.

    Returns:
        The config, frozen, and lines for the log: what the file sets beside its ``_BASE_`` and the options
        set, and one line for each setting that this machine changed.

    Raises:
        ConfigError: a file that is not there, an unknown key, or a value that cannot be used.
    """
    cfg, layers = read_config(config_file, options, extend)
    notes = [_what_is_set(cfg, layers)]
    asked_for = any("MODEL.DEVICE" in layer.values for layer in layers)
    notes += fit_to_machine(cfg, device_asked_for=asked_for, gpus=gpus)
    cfg.freeze()
    return cfg, notes


def read_config(
    config_file: str, options: Sequence[Any], extend: Sequence[Callable[[CfgNode], Any]] = ()
) -> tuple[CfgNode, list[Layer]]:
    """Read a config and check it, whatever machine it is for; arguments as `make_config`'s.

    Returns:
        The config, not frozen, and what it was made of: the file's layers, the lowest first, and the options.

    Raises:
        ConfigError: as `make_config`, but for what this machine cannot do.
    """
    cfg = get_cfg()
    add_mdpr_config(cfg)
    for add_keys in extend:
        add_keys(cfg)
    add_dataset_keys(cfg)
    layers = [*(read_layers(config_file) if config_file else ()), option_layer(options)]
    for layer in layers:
        merge(cfg, layer)
    check_config(cfg)
    return cfg, layers


def _what_is_set(cfg: CfgNode, layers: Sequence[Layer]) -> str:
    """What a run's own file and its options say; what the file stands on is known."""
    *files, options = layers
    own = {**(files[-1].values if files else {}), **options.values}
    sources = (
        " on ".join(os.path.normpath(layer.source) for layer in reversed(files)) or "fast-reid's defaults"
    )
    lines = [f"  {key}: {value_of(cfg, key)!r}" for key in sorted(own)]
    return "\n".join([f"Config: {sources}, with", *lines] if lines else [f"Config: {sources}"])


def start_run(cfg: CfgNode, args: argparse.Namespace, notes: Sequence[str]) -> CfgNode:
    """Prepare the output folder, logging and seed, in every process of a run.

    The screen gets what differs from run to run, ``log.txt`` what the run was made with as well, and
    ``config.yaml`` the whole config.

    Args:
        cfg: the frozen config.
        args: parsed arguments of fast-reid's parser.
        notes: lines to log first.

    Returns:
        The config; ``MODEL.WEIGHTS`` is updated where that file was set aside with a previous run.
    """
    if not args.eval_only and not args.resume:
        cfg, notes = _set_aside(cfg, notes)
    if cfg.MODEL.DEVICE.startswith("cuda:"):
        torch.cuda.set_device(cfg.MODEL.DEVICE)  # what asks for "cuda" means this one
    _start_logging(cfg)
    for note in notes:
        logger.info(note)
    _warn_of_emulation(cfg)
    if comm.is_main_process():
        path = Path(cfg.OUTPUT_DIR, "config.yaml")
        with write_atomically(path) as file:
            file.write(cfg.dump())
        logger.info("The whole config is in %s", path)
    if not args.eval_only:  # test sets are too small for the search to pay
        torch.backends.cudnn.benchmark = cfg.CUDNN_BENCHMARK
    logger.info("Random seed (SEED): %d", cfg.SEED)
    seed_all_rng(cfg.SEED + comm.get_rank())
    return cfg


def _set_aside(cfg: CfgNode, notes: Sequence[str]) -> tuple[CfgNode, Sequence[str]]:
    """Set a previous run aside, in the first process; all learn of it before they write anything."""
    moved = set_aside_previous_run(cfg.OUTPUT_DIR) if comm.is_main_process() else None
    moved = comm.all_gather(moved)[0]
    if moved is None:
        return cfg, notes
    notes = [*notes, f"A previous run in {cfg.OUTPUT_DIR} was set aside in {moved}"]
    weights = Path(cfg.MODEL.WEIGHTS).absolute()
    if cfg.MODEL.WEIGHTS and weights.parent == moved.parent.parent.absolute():
        cfg = changed(cfg, "MODEL.WEIGHTS", str(moved / weights.name))
    return cfg, notes


def _start_logging(cfg: CfgNode) -> None:
    """fast-reid's log on the screen and in ``log.txt``; what is for the file alone is logged as debug."""
    for name in ("mdpr", "fastreid"):
        setup_logger(cfg.OUTPUT_DIR, distributed_rank=comm.get_rank(), name=name)
        for handler in logging.getLogger(name).handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stdout:
                handler.setLevel(logging.INFO)
    logger.debug("Command line: %s", shlex.join(sys.argv))
    logger.debug("Process %d of %d", comm.get_rank(), comm.get_world_size())
    versions = [f"{name} {version(name)}" for name in ("torch", "torchvision", "fastreid", "numpy")]
    gpus = []
    if cfg.MODEL.DEVICE != "cpu":  # asking for a name takes memory of a GPU
        gpus = [torch.cuda.get_device_name(gpu) for gpu in range(torch.cuda.device_count())]
    logger.debug(
        "Python %s, %s, %s, %d cores with %s, GPUs: %s",
        platform.python_version(),
        ", ".join(versions),
        platform.platform(),
        usable_cores(),
        torch.backends.cpu.get_cpu_capability(),
        ", ".join(gpus) or "none",
    )


def _warn_of_emulation(cfg: CfgNode) -> None:
    """Here, and not where the config is checked: asking takes memory of the GPU, which is the ranks' own."""
    half = cfg.SOLVER.AMP.ENABLED and cfg.SOLVER.AMP.DTYPE == "bf16"
    if half and cfg.MODEL.DEVICE != "cpu" and not torch.cuda.is_bf16_supported(including_emulation=False):
        logger.warning(
            "This GPU only emulates bfloat16, slowly: SOLVER.AMP.DTYPE fp16 is what it computes in"
        )


def weights_to_evaluate(cfg: CfgNode) -> str:
    """``MODEL.WEIGHTS``, or else the last checkpoint in ``OUTPUT_DIR``.

    Raises:
        ConfigError: there is neither.
    """
    if cfg.MODEL.WEIGHTS:
        return cfg.MODEL.WEIGHTS
    last = named_last(Path(cfg.OUTPUT_DIR))
    if last is None:
        raise ConfigError(
            f"--eval-only needs weights: MODEL.WEIGHTS is empty and {cfg.OUTPUT_DIR} has no checkpoint"
        )
    logger.info("MODEL.WEIGHTS is empty: evaluating the last checkpoint, %s", last)
    return str(last)
