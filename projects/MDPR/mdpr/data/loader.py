"""Loaders for training and testing, from fast-reid's data sets, samplers' rules and transforms."""

import logging
from typing import Any

import torch
from fastreid.config import CfgNode
from fastreid.data import samplers
from fastreid.data.build import fast_batch_collator
from fastreid.data.transforms import build_transforms
from fastreid.utils import comm
from torch.utils.data import BatchSampler, DataLoader, Dataset, Sampler

from mdpr.compat.data_loading import DeviceLoader
from mdpr.data.pixels import BytePixels
from mdpr.data.randomness import Purpose, derived_seed
from mdpr.data.registry import known_datasets, load_dataset
from mdpr.data.reid_dataset import ReIDDataset
from mdpr.data.sampling import build_batches
from mdpr.data.sampling.identities import TrainItem
from mdpr.data.train_loader import TrainLoader, outlive_one_signal
from mdpr.data.training_set import TrainingSet
from mdpr.data.validation import SUFFIX, query_and_gallery, split_identities
from mdpr.host import usable_cores

logger = logging.getLogger(__name__)


def build_train_loader(cfg: CfgNode) -> TrainLoader:
    """An endless loader over the sets in ``DATASETS.NAMES``, in an order that `SEED` alone decides.

    Args:
        cfg: ``SEED``, ``DATASETS``, ``DATALOADER``, ``INPUT``, ``SOLVER.IMS_PER_BATCH`` and
            ``MODEL.DEVICE`` are read.

    Returns:
        Batches as fast-reid's: ``images`` (B, 3, H, W) float32 RGB 0..255, ``targets`` (B,) identities
        0..K-1, ``camids`` (B,), ``img_paths``. B is ``SOLVER.IMS_PER_BATCH`` over the processes.

    Raises:
        ConfigError: sizes that the sampler could never fill a batch with.
        DatasetError: a set is missing or malformed.
    """
    train_set = TrainingSet(cfg, training_items(cfg, combineall=cfg.DATASETS.COMBINEALL))
    rank, processes = comm.get_rank(), comm.get_world_size()
    logger.info("Using training sampler %s", cfg.DATALOADER.SAMPLER_TRAIN)
    batches = build_batches(cfg, train_set.img_items, rank=rank, processes=processes)
    loader = _loader(cfg, train_set, batches, worker_init_fn=outlive_one_signal)
    return TrainLoader(loader, batches)


def build_test_loader(cfg: CfgNode, dataset_name: str) -> tuple[DataLoader, int]:
    """A loader over query and then gallery of one set, in order.

    Returns:
        The loader, and the number of query images.

    Raises:
        DatasetError: the set is missing or malformed.
    """
    test_set, num_query = read_test_set(cfg, dataset_name)
    per_process = max(1, cfg.TEST.IMS_PER_BATCH // comm.get_world_size())
    sampler = samplers.InferenceSampler(len(test_set))
    batches = BatchSampler(sampler, per_process, drop_last=False)
    return _loader(cfg, test_set, batches), num_query


def training_items(cfg: CfgNode, *, combineall: bool = False) -> list[TrainItem]:
    """(path, identity, camera) of every image of ``DATASETS.NAMES``, but of identities held out."""
    items = []
    for name in cfg.DATASETS.NAMES:
        dataset = load_dataset(name, cfg, combineall=combineall)
        if comm.is_main_process():
            dataset.show_train()
        items.extend(split_identities(dataset.train, cfg.DATASETS.VAL_FRACTION, name)[0])
    return items


def read_test_set(cfg: CfgNode, name: str, transforms: Any = None) -> tuple[ReIDDataset, int]:
    """Query and then gallery of a set, under ``transforms`` or those of ``INPUT``; and how many queries.

    Args:
        cfg: the full config.
        name: one of `mdpr.data.validation.evaluated_sets`.
        transforms: of the images.
    """
    trained = name if name in known_datasets() else name.removesuffix(SUFFIX)
    dataset = load_dataset(trained, cfg)
    query, gallery = dataset.query, dataset.gallery
    if trained != name:
        _, held_out = split_identities(dataset.train, cfg.DATASETS.VAL_FRACTION, trained)
        query, gallery = query_and_gallery(held_out, trained)
        logger.info("%s: %d query and %d gallery images held out of training", name, len(query), len(gallery))
    elif comm.is_main_process():
        dataset.show_test()
    test_set = ReIDDataset(
        query + gallery,
        build_transforms(cfg, is_train=False) if transforms is None else transforms,
        relabel=False,
        has_identities=trained != name or getattr(dataset, "has_identities", True),
    )
    return test_set, len(query)


def _loader(cfg: CfgNode, dataset: Dataset, batches: Sampler[list[Any]], **options: Any) -> DataLoader:
    device = torch.device(cfg.MODEL.DEVICE)
    collate: Any = fast_batch_collator
    if device.type == "cuda":
        pixels = BytePixels(cfg.INPUT.REA.VALUE)
        collate, options["on_device"] = pixels.collate, pixels.unpack
    return DeviceLoader(
        comm.get_local_rank(),
        device=device,
        dataset=dataset,
        batch_sampler=batches,
        num_workers=_workers(cfg.DATALOADER.NUM_WORKERS),
        collate_fn=collate,
        # Of its own, so that starting to load draws nothing from the generator that the model uses.
        generator=torch.Generator().manual_seed(derived_seed(cfg.SEED, Purpose.LOADER)),
        **options,
    )


def _workers(wanted: int) -> int:
    """As many as asked for, but no more than there are cores for this process."""
    cores = usable_cores()
    if wanted > cores:
        logger.info("DATALOADER.NUM_WORKERS is %d: taking %d, a loader process a core", wanted, cores)
    return min(wanted, cores)
