"""Loaders for training and testing, from fast-reid's data sets, samplers and transforms."""

import logging
import os

from fastreid.config import CfgNode
from fastreid.data import samplers
from fastreid.data.build import fast_batch_collator
from fastreid.data.data_utils import DataLoaderX
from fastreid.data.transforms import build_transforms
from fastreid.utils import comm
from torch.utils.data import BatchSampler, DataLoader, Dataset, Sampler

from mdpr.compat.data_loading import HostDataLoader
from mdpr.data.batch_sizes import IDENTITY_SAMPLERS, check_batch_sizes
from mdpr.data.registry import load_dataset
from mdpr.data.reid_dataset import ReIDDataset
from mdpr.errors import ConfigError

__all__ = ["build_test_loader", "build_train_loader"]

logger = logging.getLogger(__name__)


def build_train_loader(cfg: CfgNode) -> DataLoader:
    """An endless loader over the sets in ``DATASETS.NAMES``.

    Args:
        cfg: ``DATASETS``, ``DATALOADER``, ``INPUT``, ``SOLVER.IMS_PER_BATCH`` and ``MODEL.DEVICE`` are
            read.

    Returns:
        Batches as fast-reid's: ``images`` (B, 3, H, W) float32 RGB 0..255, ``targets`` (B,) identities
        0..K-1, ``camids`` (B,), ``img_paths``. B is ``SOLVER.IMS_PER_BATCH`` over the processes.

    Raises:
        ConfigError: sizes that the sampler could never fill a batch with.
        DatasetError: a set is missing or malformed.
    """
    items = []
    for name in cfg.DATASETS.NAMES:
        dataset = load_dataset(name, cfg, combineall=cfg.DATASETS.COMBINEALL)
        if comm.is_main_process():
            dataset.show_train()
        items.extend(dataset.train)
    train_set = ReIDDataset(
        items,
        build_transforms(cfg, is_train=True),
        relabel=True,
        skip_broken=cfg.DATALOADER.SKIP_BROKEN_IMAGES,
    )
    _check_batches(cfg, len(train_set), train_set.num_classes)
    sampler = _training_sampler(cfg, train_set)
    return _loader(cfg, train_set, sampler, cfg.SOLVER.IMS_PER_BATCH, drop_last=True)


def build_test_loader(cfg: CfgNode, dataset_name: str) -> tuple[DataLoader, int]:
    """A loader over query and then gallery of one set, in order.

    Args:
        cfg: ``INPUT``, ``TEST.IMS_PER_BATCH``, ``DATALOADER`` and ``MODEL.DEVICE`` are read.
        dataset_name: a name in fast-reid's data-set registry.

    Returns:
        The loader, and the number of query images.

    Raises:
        DatasetError: the set is missing or malformed.
    """
    dataset = load_dataset(dataset_name, cfg)
    if comm.is_main_process():
        dataset.show_test()
    items = dataset.query + dataset.gallery
    test_set = ReIDDataset(
        items,
        build_transforms(cfg, is_train=False),
        relabel=False,
        has_identities=getattr(dataset, "has_identities", True),
    )
    sampler = samplers.InferenceSampler(len(test_set))
    loader = _loader(cfg, test_set, sampler, cfg.TEST.IMS_PER_BATCH, drop_last=False)
    return loader, len(dataset.query)


def _check_batches(cfg: CfgNode, num_images: int, num_identities: int) -> None:
    """Refuse sizes that would end in an empty epoch, or in a sampler that searches for ever."""
    check_batch_sizes(cfg, comm.get_world_size())
    batch = cfg.SOLVER.IMS_PER_BATCH
    if num_images < batch:
        raise ConfigError(
            f"SOLVER.IMS_PER_BATCH is {batch}: expected no more than the {num_images} training images"
        )
    if cfg.DATALOADER.SAMPLER_TRAIN not in IDENTITY_SAMPLERS:
        return
    instances = cfg.DATALOADER.NUM_INSTANCE
    if num_identities < batch // instances:
        raise ConfigError(
            f"SOLVER.IMS_PER_BATCH {batch} at DATALOADER.NUM_INSTANCE {instances} takes "
            f"{batch // instances} identities a batch: the training set has {num_identities}"
        )


def _training_sampler(cfg: CfgNode, train_set: ReIDDataset) -> Sampler[int]:
    name, instances = cfg.DATALOADER.SAMPLER_TRAIN, cfg.DATALOADER.NUM_INSTANCE
    per_process = cfg.SOLVER.IMS_PER_BATCH // comm.get_world_size()
    logger.info("Using training sampler %s", name)
    if name == "TrainingSampler":
        return samplers.TrainingSampler(len(train_set))
    if name in IDENTITY_SAMPLERS:
        return getattr(samplers, name)(train_set.img_items, per_process, instances)
    if name == "SetReWeightSampler":
        weights = cfg.DATALOADER.SET_WEIGHT
        return samplers.SetReWeightSampler(train_set.img_items, per_process, instances, weights)
    if name == "ImbalancedDatasetSampler":
        return samplers.ImbalancedDatasetSampler(train_set.img_items)
    known = (
        "TrainingSampler",
        *IDENTITY_SAMPLERS,
        "SetReWeightSampler",
        "ImbalancedDatasetSampler",
    )
    raise ConfigError(f"DATALOADER.SAMPLER_TRAIN is {name!r}: expected one of {', '.join(known)}")


def _loader(
    cfg: CfgNode, dataset: Dataset, sampler: Sampler[int], total_batch_size: int, drop_last: bool
) -> DataLoader:
    """fast-reid's loader that prefetches to the GPU, or a plain one on the CPU."""
    per_process = max(1, total_batch_size // comm.get_world_size())
    loader_class = HostDataLoader if cfg.MODEL.DEVICE == "cpu" else DataLoaderX
    return loader_class(
        comm.get_local_rank(),
        dataset=dataset,
        batch_sampler=BatchSampler(sampler, per_process, drop_last),
        num_workers=min(cfg.DATALOADER.NUM_WORKERS, len(os.sched_getaffinity(0))),
        collate_fn=fast_batch_collator,
        pin_memory=True,
    )
