"""Batches that every process can have its part of."""

from fastreid.config import CfgNode

from mdpr.errors import wrong_value

IDENTITY_SAMPLERS = ("NaiveIdentitySampler", "BalancedIdentitySampler")


def check_batch_sizes(cfg: CfgNode, processes: int) -> None:
    """Refuse batch and instance counts that do not divide over processes. Needs no data.

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
