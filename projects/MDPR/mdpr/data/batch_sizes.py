"""Batches that every process can have its part of."""

from fastreid.config import CfgNode

from mdpr.errors import wrong_value

__all__ = ["IDENTITY_SAMPLERS", "check_batch_sizes"]

IDENTITY_SAMPLERS = ("NaiveIdentitySampler", "BalancedIdentitySampler")


def check_batch_sizes(cfg: CfgNode, processes: int) -> None:
    """Refuse batch and instance counts that do not divide over processes. Needs no data.

    Args:
        cfg: ``SOLVER.IMS_PER_BATCH``, ``DATALOADER.SAMPLER_TRAIN`` and ``DATALOADER.NUM_INSTANCE`` are
            read.
        processes: of the whole run.

    Raises:
        ConfigError: they do not divide.
    """
    batch, instances = cfg.SOLVER.IMS_PER_BATCH, cfg.DATALOADER.NUM_INSTANCE
    if batch < 1 or batch % processes:
        raise wrong_value("SOLVER.IMS_PER_BATCH", batch, f"a multiple of the {processes} processes")
    if cfg.DATALOADER.SAMPLER_TRAIN not in IDENTITY_SAMPLERS:
        return
    if instances < 1 or (batch // processes) % instances:
        raise wrong_value(
            "DATALOADER.NUM_INSTANCE",
            instances,
            f"a divisor of the {batch // processes} images per process (SOLVER.IMS_PER_BATCH)",
        )
