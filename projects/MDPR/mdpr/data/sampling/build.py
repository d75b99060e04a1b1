"""From ``DATALOADER.SAMPLER_TRAIN`` to the batches of a run."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import torch
from fastreid.config import CfgNode

from mdpr.data.batch_sizes import IDENTITY_SAMPLERS, check_batch_sizes
from mdpr.data.randomness import Purpose, derived_seed
from mdpr.data.sampling.batches import BatchSize, RepeatableBatches
from mdpr.data.sampling.identities import TrainItem, balanced_identity_batches, naive_identity_batches
from mdpr.data.sampling.images import identity_weighted_batches, shuffled_batches
from mdpr.errors import ConfigError, wrong_value

SAMPLERS = ("TrainingSampler", *IDENTITY_SAMPLERS, "ImbalancedDatasetSampler")


def build_batches(
    cfg: CfgNode, items: Sequence[TrainItem], *, rank: int = 0, processes: int = 1
) -> RepeatableBatches:
    """The batches that ``DATALOADER.SAMPLER_TRAIN`` draws.

    Args:
        cfg: ``SEED``, ``DATALOADER`` and ``SOLVER.IMS_PER_BATCH`` are read.
        items: the training images.
        rank: this process.
        processes: their number.

    Returns:
        A batch sampler; its order is a function of ``SEED``, the sampler, the images' labels and
        the sizes, nothing else.

    Raises:
        ConfigError: an unknown sampler, or sizes with which it could never fill a batch.
    """
    name = cfg.DATALOADER.SAMPLER_TRAIN
    if name not in SAMPLERS:
        raise wrong_value("DATALOADER.SAMPLER_TRAIN", name, f"one of {', '.join(SAMPLERS)}")
    _check_sizes(cfg, items, processes)
    size = BatchSize(cfg.SOLVER.IMS_PER_BATCH // processes, processes)
    stream = partial(_stream, cfg, items, size, derived_seed(cfg.SEED, Purpose.SAMPLING))
    # Images that are independent of each other fast-reid hands to the processes in turn.
    return RepeatableBatches(stream, size, rank=rank, in_turn=name not in IDENTITY_SAMPLERS)


def _stream(cfg: CfgNode, items: Sequence[TrainItem], size: BatchSize, seed: int) -> Iterator[np.ndarray]:
    node, random = cfg.DATALOADER, np.random.RandomState(seed)
    match node.SAMPLER_TRAIN:
        case "NaiveIdentitySampler":
            return naive_identity_batches(items, size, node.NUM_INSTANCE, random)
        case "BalancedIdentitySampler":
            return balanced_identity_batches(items, size, node.NUM_INSTANCE, random)
        case "ImbalancedDatasetSampler":
            return identity_weighted_batches(items, size, torch.Generator().manual_seed(seed))
    return shuffled_batches(len(items), size, random)


def _check_sizes(cfg: CfgNode, items: Sequence[TrainItem], processes: int) -> None:
    """Refuse sizes that would end in an empty epoch, or in a sampler that searches for ever."""
    batch, instances = cfg.SOLVER.IMS_PER_BATCH, cfg.DATALOADER.NUM_INSTANCE
    check_batch_sizes(cfg, processes)
    if len(items) < batch:
        raise wrong_value("SOLVER.IMS_PER_BATCH", batch, f"no more than the {len(items)} training images")
    num_identities = len({identity for _, identity, _ in items})
    if cfg.DATALOADER.SAMPLER_TRAIN in IDENTITY_SAMPLERS and num_identities < batch // instances:
        raise ConfigError(
            f"SOLVER.IMS_PER_BATCH {batch} at DATALOADER.NUM_INSTANCE {instances} takes "
            f"{batch // instances} identities a batch: the training set has {num_identities}"
        )
