"""fast-reid's loader builders, with this project's data sets as the config asks for them.

fast-reid's own hand a data set nothing but its root, so that options such as ``DATASETS.MSMT17.VERSION`` have
no effect, and stop in the middle of an epoch where an image cannot be read, without its path.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import fastreid.data
import fastreid.data.build
import fastreid.engine.defaults
from fastreid.config import CfgNode
from fastreid.data.transforms import build_transforms
from fastreid.utils import comm

from mdpr.config import add_dataset_config
from mdpr.data.options import add_dataset_keys
from mdpr.data.registry import load_dataset
from mdpr.data.reid_dataset import ReIDDataset
from mdpr.data.training_set import TrainingSet

BUILDERS = ("build_reid_train_loader", "build_reid_test_loader")


def with_data_sets_of_the_config(build: Callable[..., Any], read: Callable[..., dict[str, Any]]) -> Any:
    """Wrap a loader builder of fast-reid's.

    Args:
        build: takes a config and keywords that override what is read from it.
        read: makes such keywords of a config and of those that the caller gave.
    """

    @wraps(build)
    def built(*arguments: Any, **keywords: Any) -> Any:
        if not (arguments and isinstance(arguments[0], CfgNode)):
            return build(*arguments, **keywords)
        return build(arguments[0], **read(_with_dataset_keys(arguments[0]), **keywords))

    return built


def training_keywords(
    cfg: CfgNode, *, train_set: Any = None, combineall: bool = False, transforms: Any = None, **others: Any
) -> dict[str, Any]:
    """The training set of ``DATASETS.NAMES``, unless the caller has one."""
    if train_set is None:
        items: list[Any] = []
        for name in cfg.DATASETS.NAMES:
            dataset = load_dataset(name, cfg, combineall=combineall)
            if comm.is_main_process():
                dataset.show_train()
            items.extend(dataset.train)
        skip_broken = cfg.DATALOADER.SKIP_BROKEN_IMAGES
        train_set = (
            TrainingSet(cfg, items)
            if transforms is None
            else ReIDDataset(items, transforms, skip_broken=skip_broken)
        )
    return {"train_set": train_set, **others}


def test_keywords(
    cfg: CfgNode, *, test_set: Any = None, dataset_name: str = "", transforms: Any = None, **others: Any
) -> dict[str, Any]:
    """Query and gallery of a data set, unless the caller has them."""
    if test_set is not None:
        return {"test_set": test_set, **others}
    dataset = load_dataset(dataset_name, cfg)
    if comm.is_main_process():
        dataset.show_test()
    test_set = ReIDDataset(
        dataset.query + dataset.gallery,
        build_transforms(cfg, is_train=False) if transforms is None else transforms,
        relabel=False,
        has_identities=getattr(dataset, "has_identities", True),
    )
    return {"test_set": test_set, **others, "num_query": len(dataset.query)}


def _with_dataset_keys(cfg: CfgNode) -> CfgNode:
    """A copy in which keys of this project that a config of fast-reid's lacks have their defaults."""
    defaults = CfgNode({"DATASETS": CfgNode(), "DATALOADER": CfgNode()})
    add_dataset_config(defaults)
    complete = cfg.clone()
    complete.defrost()
    for node in ("DATASETS", "DATALOADER"):
        for key, value in defaults[node].items():
            complete[node].setdefault(key, value)
    complete.setdefault("SEED", 0)
    add_dataset_keys(complete)
    return complete


def apply() -> None:
    """Make fast-reid's trainer, and whoever imports its builders, use the data sets of the config."""
    for name, read in zip(BUILDERS, (training_keywords, test_keywords), strict=True):
        build = getattr(fastreid.data.build, name)
        if build.__module__.startswith("fastreid.") and not hasattr(build, "_reads_data_sets"):
            wrapped = with_data_sets_of_the_config(build, read)
            wrapped._reads_data_sets = True
            for module in (fastreid.data.build, fastreid.data, fastreid.engine.defaults):
                setattr(module, name, wrapped)
