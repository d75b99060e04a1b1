"""A config fitted to this machine: what it cannot do is said in one line each, or is an error."""

import re

import torch
from fastreid.config import CfgNode

from mdpr.errors import ConfigError, wrong_value
from mdpr.host import cpu_computes_in_bfloat16, has_gpu, why_no_gpu


def fit_to_machine(cfg: CfgNode, *, device_asked_for: bool, gpus: int | None = None) -> list[str]:
    """Change what this machine cannot do.

    Args:
        cfg: checked; changed in place.
        device_asked_for: whether a file or an option says ``MODEL.DEVICE``; it is then kept to.
        gpus: ``--num-gpus``, which asks for GPUs unless ``MODEL.DEVICE`` is cpu; None where not given.

    Returns:
        A line for each change.

    Raises:
        ConfigError: ``MODEL.DEVICE`` is no device, or a GPU that is there, or was asked for, cannot be
            used; or ``TEST.MDPR.PRECISION`` is for GPUs, and this runs on a CPU.
    """
    notes = _fit_device(cfg, device_asked_for, gpus)
    if cfg.MODEL.DEVICE == "cpu" and cfg.SOLVER.AMP.ENABLED:
        if cfg.SOLVER.AMP.DTYPE == "fp16":
            notes.append("SOLVER.AMP in fp16 is for GPUs: training in float32 on the CPU")
            cfg.SOLVER.AMP.ENABLED = False
        elif not cpu_computes_in_bfloat16():
            notes.append("This CPU would only emulate bfloat16: training in float32")
            cfg.SOLVER.AMP.ENABLED = False
    if cfg.MODEL.DEVICE == "cpu" and cfg.TEST.MDPR.PRECISION == "fp16":
        raise wrong_value("TEST.MDPR.PRECISION", "fp16", "fp32 or bf16, as fp16 is for GPUs")
    if cfg.MODEL.BACKBONE.NORM == "syncBN" and cfg.MODEL.HEADS.NORM == "BN":
        notes.append(
            "MODEL.BACKBONE.NORM is 'syncBN', and MODEL.HEADS.NORM is 'BN': the heads' norms take the "
            "statistics of their own process"
        )
    if cfg.TEST.EVAL_PERIOD == 0:
        notes.append("TEST.EVAL_PERIOD is 0: evaluating once, after the last epoch")
        cfg.TEST.EVAL_PERIOD = cfg.SOLVER.MAX_EPOCH
    return notes


def _fit_device(cfg: CfgNode, asked_for: bool, gpus: int | None) -> list[str]:
    device = cfg.MODEL.DEVICE
    if not isinstance(device, str) or not re.fullmatch(r"cpu|cuda(:\d+)?", device):
        raise wrong_value("MODEL.DEVICE", device, "cpu, cuda, or a GPU such as cuda:0")
    if device == "cpu":
        return []
    if torch.cuda.is_available():
        number, found = int(device.partition(":")[2] or 0), torch.cuda.device_count()
        if number >= found:
            raise wrong_value("MODEL.DEVICE", device, f"cpu, or cuda:0 to cuda:{found - 1}")
        return []
    if has_gpu():
        reason = why_no_gpu()
        raise wrong_value(
            "MODEL.DEVICE", device, f"cpu, as PyTorch cannot use the GPU of this machine ({reason})"
        )
    if asked_for:
        raise wrong_value("MODEL.DEVICE", device, "cpu, as this machine has no GPU")
    if gpus is not None:
        raise ConfigError(
            f"--num-gpus is {gpus}: this machine has no GPU; MODEL.DEVICE cpu takes {gpus} processes on cores"
        )
    cfg.MODEL.DEVICE = "cpu"
    return [f"MODEL.DEVICE is {device!r}, and no GPU was found: running on the CPU"]
