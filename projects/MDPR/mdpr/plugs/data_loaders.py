"""fast-reid's loader builders, with this project's data sets as the config asks for them.

fast-reid's own hand a data set nothing but its root, so that options such as ``DATASETS.MSMT17.VERSION`` have
no effect, and stop in the middle of an epoch where an image cannot be read, without its path.
"""

from typing import Any

import fastreid.data
import fastreid.data.build
import fastreid.engine.defaults
from fastreid.config import CfgNode
from torch.utils.data import DataLoader

from mdpr.config import add_dataset_config
from mdpr.data.loader import read_test_set, training_items
from mdpr.data.options import add_dataset_keys
from mdpr.data.reid_dataset import ReIDDataset
from mdpr.data.training_set import TrainingSet

_FASTREIDS_TRAIN_LOADER = fastreid.data.build.build_reid_train_loader
_FASTREIDS_TEST_LOADER = fastreid.data.build.build_reid_test_loader


def build_reid_train_loader(*arguments: Any, **keywords: Any) -> DataLoader:
    """fast-reid's, with the training set of the config's ``DATASETS``, unless the caller has one."""
    given = arguments[0] if arguments else keywords.get("cfg")
    if isinstance(given, CfgNode) and keywords.get("train_set") is None:
        cfg = _with_dataset_keys(given)
        items = training_items(cfg, combineall=keywords.pop("combineall", False))
        transforms, skip_broken = keywords.pop("transforms", None), cfg.DATALOADER.SKIP_BROKEN_IMAGES
        keywords["train_set"] = (
            TrainingSet(cfg, items)
            if transforms is None
            else ReIDDataset(items, transforms, skip_broken=skip_broken)
        )
    return _FASTREIDS_TRAIN_LOADER(*arguments, **keywords)


def build_reid_test_loader(*arguments: Any, **keywords: Any) -> tuple[DataLoader, int]:
    """fast-reid's, with the data set of that name as the config has it, unless the caller has one."""
    given = arguments[0] if arguments else keywords.get("cfg")
    if isinstance(given, CfgNode) and keywords.get("test_set") is None:
        cfg, name = _with_dataset_keys(given), keywords.pop("dataset_name", "")
        test_set, num_query = read_test_set(cfg, name, keywords.pop("transforms", None))
        keywords |= {"test_set": test_set, "num_query": num_query}
    return _FASTREIDS_TEST_LOADER(*arguments, **keywords)


def _with_dataset_keys(cfg: CfgNode) -> CfgNode:
    """A copy in which keys of this project that a config of fast-reid's lacks have their defaults."""
    defaults = CfgNode({"DATASETS": CfgNode(), "DATALOADER": CfgNode()})
    add_dataset_config(defaults)
    complete = CfgNode(dict(cfg))
    for node in ("DATASETS", "DATALOADER"):
        for key, value in defaults[node].items():
            complete[node].setdefault(key, value)
    complete.setdefault("SEED", 0)
    add_dataset_keys(complete)
    return complete


def apply() -> None:
    """Make fast-reid's trainer, and whoever imports its builders, use the data sets of the config."""
    for builder in (build_reid_train_loader, build_reid_test_loader):
        for module in (fastreid.data.build, fastreid.data, fastreid.engine.defaults):
            setattr(module, builder.__name__, builder)
