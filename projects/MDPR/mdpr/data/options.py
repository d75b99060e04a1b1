"""Config keys of the data sets, under fast-reid's own nodes, and what they mean for a constructor."""

from typing import Any

from fastreid.config import CfgNode

from mdpr.data.datasets.cuhk03np import CUHK03NP
from mdpr.data.datasets.msmt17 import VERSIONS
from mdpr.errors import ConfigError

__all__ = ["add_dataset_config", "dataset_options"]


def add_dataset_config(cfg: CfgNode) -> None:
    """Add the data sets' keys with their defaults to a fast-reid config.

    Args:
        cfg: what ``fastreid.config.get_cfg()`` returns; changed in place.
    """
    cfg.DATASETS.MARKET1501 = CfgNode()
    # Add the 500,000 distractors (folder images/) to the gallery.
    cfg.DATASETS.MARKET1501.WITH_500K = False

    cfg.DATASETS.MSMT17 = CfgNode()
    # "V1" (MSMT17_V1/), or "V2" (MSMT17_V2/), the release with blurred faces.
    cfg.DATASETS.MSMT17.VERSION = "V1"
    # Train on list_val.txt too: 32,621 images instead of the 30,248 of list_train.txt.
    cfg.DATASETS.MSMT17.WITH_VALIDATION = False

    cfg.DATASETS.CUHK03NP = CfgNode()
    # How the boxes were made: "detected", or "labeled" (by hand).
    cfg.DATASETS.CUHK03NP.BOXES = "detected"

    cfg.DATASETS.SYNERGYREID = CfgNode()
    # Take query and gallery from the challenge set, which has no identities and so no score.
    cfg.DATASETS.SYNERGYREID.CHALLENGE = False

    cfg.DATASETS.IMAGE_FOLDER = CfgNode()
    # ImageFolderReID: the folder of the set; a relative one starts at $FASTREID_DATASETS.
    cfg.DATASETS.IMAGE_FOLDER.PATH = ""
    # ImageFolderReID: a CSV file in that folder (path,person,camera,split); "" reads the folders
    # train/, query/ and gallery/.
    cfg.DATASETS.IMAGE_FOLDER.CSV = ""

    # An unreadable image in training: False stops with its path; True replaces it by another image of
    # the same identity and logs it. Evaluation always stops.
    cfg.DATALOADER.SKIP_BROKEN_IMAGES = False

    # Folder in which decoded training images are kept in their training size, so that later epochs and
    # runs read no image files: height * width * 3 bytes an image. "" keeps none.
    cfg.DATALOADER.IMAGE_CACHE = ""


def dataset_options(cfg: CfgNode, name: str) -> dict[str, Any]:
    """Keyword arguments, besides the root, that the config asks for a data set's constructor.

    Args:
        cfg: a config with the keys of `add_dataset_config`.
        name: the data set's name in fast-reid's registry.

    Returns:
        The arguments; empty for a set without options.

    Raises:
        ConfigError: a key has a value that is not allowed.
    """
    node = cfg.DATASETS
    match name:
        case "Market1501":
            return {"market1501_500k": _switch(node.MARKET1501, "MARKET1501", "WITH_500K")}
        case "MSMT17":
            return {
                "version": _choice(node.MSMT17, "MSMT17", "VERSION", tuple(VERSIONS)),
                "with_validation": _switch(node.MSMT17, "MSMT17", "WITH_VALIDATION"),
            }
        case "CUHK03NP":
            allowed = tuple(CUHK03NP.counts)
            return {"boxes": _choice(node.CUHK03NP, "CUHK03NP", "BOXES", allowed)}
        case "SynergyReID":
            return {"challenge": _switch(node.SYNERGYREID, "SYNERGYREID", "CHALLENGE")}
        case "ImageFolderReID":
            return _image_folder_options(node.IMAGE_FOLDER)
    return {}


def _image_folder_options(node: CfgNode) -> dict[str, str]:
    if not node.PATH:
        raise ConfigError(
            "DATASETS.IMAGE_FOLDER.PATH is '': expected the folder of your images (a relative one "
            "starts at $FASTREID_DATASETS), since DATASETS names ImageFolderReID"
        )
    return {"path": node.PATH, "csv_file": node.CSV}


def _choice(node: CfgNode, node_name: str, key: str, allowed: tuple[str, ...]) -> str:
    if node[key] not in allowed:
        raise ConfigError(
            f"DATASETS.{node_name}.{key} is {node[key]!r}: expected one of {', '.join(allowed)}"
        )
    return node[key]


def _switch(node: CfgNode, node_name: str, key: str) -> bool:
    if not isinstance(node[key], bool):
        raise ConfigError(f"DATASETS.{node_name}.{key} is {node[key]!r}: expected True or False")
    return node[key]
