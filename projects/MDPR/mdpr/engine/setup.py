"""Config, output folder, logging and seed of a run."""

import argparse
import logging
from pathlib import Path

import torch
from fastreid.config import CfgNode, get_cfg
from fastreid.engine import default_setup
from fastreid.utils import comm
from fastreid.utils.env import seed_all_rng
from fastreid.utils.logger import setup_logger

from mdpr.config import add_mdpr_config
from mdpr.engine.evaluated_form import check_deploy_config
from mdpr.engine.hooks.checkpointing import check_checkpoint_config
from mdpr.engine.resume.output_dir import set_aside_previous_run
from mdpr.engine.training_settings import TrainingSettings
from mdpr.errors import ConfigError
from mdpr.evaluation import EvaluationSettings
from mdpr.host import cpu_computes_in_bfloat16
from mdpr.modeling.settings import MDPRSettings

__all__ = ["make_config", "start_run", "weights_to_evaluate"]

logger = logging.getLogger(__name__)


def make_config(config_file: str, options: list[str]) -> tuple[CfgNode, list[str]]:
    """Read a config, fit it to this machine, and check it before anything else happens.

    Args:
        config_file: path of a YAML file; empty for fast-reid's defaults.
        options: ``KEY VALUE KEY VALUE ...`` that override it.

    Returns:
        The config, frozen, and one line for each setting that this machine changed.

    Raises:
        ConfigError: a file that is not there, an unknown key, or a value that cannot be used.
    """
    cfg = get_cfg()
    add_mdpr_config(cfg)
    if config_file and not Path(config_file).is_file():
        raise ConfigError(f"--config-file: no file at {Path(config_file).absolute()}")
    if len(options) % 2:
        raise ConfigError(f"options are KEY VALUE pairs: {options[-1]!r} has no value")
    try:
        if config_file:
            cfg.merge_from_file(config_file)
        cfg.merge_from_list(options)
    except (KeyError, ValueError, AssertionError) as error:
        reason = error.args[0] if error.args else error
        raise ConfigError(
            f"{reason} (in {config_file or 'the command line'} or the options)"
        ) from error
    TrainingSettings.from_config(cfg)
    EvaluationSettings.from_config(cfg)
    check_checkpoint_config(cfg)
    check_deploy_config(cfg)
    notes = _fit_to_machine(cfg)
    if cfg.MODEL.META_ARCHITECTURE == "MDPR":
        MDPRSettings.from_config(cfg)
    cfg.freeze()
    return cfg, notes


def start_run(cfg: CfgNode, args: argparse.Namespace, notes: list[str]) -> CfgNode:
    """Prepare the output folder, logging and seed, in every process of a run.

    Args:
        cfg: the frozen config.
        args: parsed arguments of fast-reid's parser.
        notes: lines to log first.

    Returns:
        The config; ``MODEL.WEIGHTS`` is updated where that file was set aside with a previous run.
    """
    if not args.eval_only and not args.resume:
        cfg, notes = _set_aside(cfg, notes)
    setup_logger(cfg.OUTPUT_DIR, distributed_rank=comm.get_rank(), name="mdpr")
    default_setup(cfg, args)
    for note in notes:
        logger.info(note)
    logger.info("Random seed (SEED): %d", cfg.SEED)
    seed_all_rng(cfg.SEED + comm.get_rank())
    return cfg


def _set_aside(cfg: CfgNode, notes: list[str]) -> tuple[CfgNode, list[str]]:
    """Set a previous run aside, in the first process; all learn of it before they write anything."""
    moved = set_aside_previous_run(cfg.OUTPUT_DIR) if comm.is_main_process() else None
    moved = comm.all_gather(moved)[0]
    if moved is None:
        return cfg, notes
    notes = [*notes, f"A previous run in {cfg.OUTPUT_DIR} was set aside in {moved}"]
    weights = Path(cfg.MODEL.WEIGHTS).absolute()
    if cfg.MODEL.WEIGHTS and weights.parent == moved.parent.parent.absolute():
        cfg = cfg.clone()
        cfg.defrost()
        cfg.MODEL.WEIGHTS = str(moved / weights.name)
        cfg.freeze()
    return cfg, notes


def weights_to_evaluate(cfg: CfgNode) -> str:
    """``MODEL.WEIGHTS``, or else the last checkpoint in ``OUTPUT_DIR``.

    Raises:
        ConfigError: there is neither.
    """
    if cfg.MODEL.WEIGHTS:
        return cfg.MODEL.WEIGHTS
    last = Path(cfg.OUTPUT_DIR) / "last_checkpoint"
    if not last.is_file():
        raise ConfigError(
            f"--eval-only needs weights: MODEL.WEIGHTS is empty and {cfg.OUTPUT_DIR} has no checkpoint"
        )
    weights = str(last.with_name(last.read_text().strip()))
    logger.info("MODEL.WEIGHTS is empty: evaluating the last checkpoint, %s", weights)
    return weights


def _fit_to_machine(cfg: CfgNode) -> list[str]:
    notes = []
    if cfg.MODEL.DEVICE.startswith("cuda") and not torch.cuda.is_available():
        notes.append(
            f"MODEL.DEVICE is {cfg.MODEL.DEVICE!r}, and no GPU was found: running on the CPU"
        )
        cfg.MODEL.DEVICE = "cpu"
    if cfg.MODEL.DEVICE == "cpu" and cfg.SOLVER.AMP.ENABLED:
        if cfg.SOLVER.AMP.DTYPE == "fp16":
            notes.append("SOLVER.AMP in fp16 is for GPUs: training in float32 on the CPU")
            cfg.SOLVER.AMP.ENABLED = False
        elif not cpu_computes_in_bfloat16():
            notes.append("This CPU would only emulate bfloat16: training in float32")
            cfg.SOLVER.AMP.ENABLED = False
    if cfg.MODEL.BACKBONE.NORM == "syncBN" and cfg.MODEL.HEADS.NORM == "BN":
        notes.append(
            "MODEL.BACKBONE.NORM is 'syncBN', and MODEL.HEADS.NORM is 'BN': the heads' norms take the "
            "statistics of their own process"
        )
    if cfg.TEST.EVAL_PERIOD <= 0:
        notes.append("TEST.EVAL_PERIOD is 0: evaluating once, after the last epoch")
        cfg.TEST.EVAL_PERIOD = cfg.SOLVER.MAX_EPOCH
    return notes
