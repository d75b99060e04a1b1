"""Pretrained backbones: ImageNet (torchvision), IBN-a releases, LUPerson (MoCo).

The weights must be found, and must match: what was loaded is reported in numbers, and a file of
which less than half fits is an error. A run never starts from random weights in silence.
"""

import logging
import urllib.error
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from fastreid.config import CfgNode
from fastreid.modeling.backbones.resnet import model_urls
from fastreid.utils import comm
from torch import Tensor, nn

from mdpr.checkpoint.reading import first_names, read_checkpoint, state_dict_of
from mdpr.errors import CheckpointError

logger = logging.getLogger(__name__)

# Longest first, so that 'module.encoder_q.' is not taken for 'module.' with odd names behind it.
PREFIXES = ("module.encoder_q.", "module.backbone.", "encoder_q.", "backbone.", "module.", "base.")
CLASSIFIERS = ("fc.", "classifier.", "head.", "heads.")
LEAST_MATCHED_SHARE = 0.5
LUPERSON = "lup_moco_r101.pth"  # as the authors' release names it


@dataclass(frozen=True)
class MatchReport:
    """How a file's tensors met a backbone's. Names are the backbone's own, sorted."""

    matched: tuple[str, ...]
    missing: tuple[str, ...]  # in the backbone, not in the file
    unexpected: tuple[str, ...]  # in the file, not in the backbone
    wrong_shape: tuple[str, ...]  # in both, with other shapes

    @property
    def matched_share(self) -> float:
        """Matched tensors over all tensors of the backbone, in 0..1."""
        return len(self.matched) / max(1, len(self.matched) + len(self.missing) + len(self.wrong_shape))

    def __str__(self) -> str:
        parts = [f"{len(self.matched)} matched ({self.matched_share:.1%} of the backbone)"]
        for label in ("missing", "unexpected", "wrong_shape"):
            names: tuple[str, ...] = getattr(self, label)
            shown = f" ({first_names(names)})" if names else ""
            parts.append(f"{len(names)} {label.replace('_', ' ')}{shown}")
        return ", ".join(parts)


def load_pretrained_backbone(backbone: nn.Module, cfg: CfgNode) -> MatchReport:
    """Load ``MODEL.BACKBONE.PRETRAIN_PATH``, or the released weights for the config's ResNet.

    Raises:
        FileNotFoundError: the file is not there and cannot be downloaded.
        CheckpointError: it cannot be read, or less than half of the backbone matches.
    """
    node = cfg.MODEL.BACKBONE
    path = Path(node.PRETRAIN_PATH).expanduser() if node.PRETRAIN_PATH else _released_weights(cfg)
    if not path.is_file():
        source = (
            " (GETTING_STARTED.md of https://github.com/KuilongCui/MDPR says where to get it, and the "
            "trained Duke checkpoint, which --eval-only MODEL.WEIGHTS takes as it is)"
        )
        raise FileNotFoundError(
            f"MODEL.BACKBONE.PRETRAIN_PATH: no file at {path}{source if path.name == LUPERSON else ''}; "
            "give the path of a backbone, or '' for ImageNet's weights, or train from scratch with "
            "MODEL.BACKBONE.PRETRAIN False"
        )
    return load_backbone_weights(backbone, state_dict_of(read_checkpoint(path), path), str(path))


def load_backbone_weights(backbone: nn.Module, weights: Mapping[str, Tensor], source: str) -> MatchReport:
    """Copy what fits of ``weights`` into ``backbone`` and say what did not.

    Args:
        backbone: changed in place.
        weights: tensors by name, under any of the usual prefixes, with or without a classifier.
        source: where they come from, for the report.

    Raises:
        CheckpointError: less than half of the backbone's tensors match; nothing was changed.
    """
    own, candidates = backbone.state_dict(), _without_prefix(weights)
    # Old files lack the batch counters, which inference and the running averages do not need.
    expected, found = (
        {name for name in names if not name.endswith("num_batches_tracked")} for names in (own, candidates)
    )
    found = {name for name in found if not name.startswith(CLASSIFIERS)}
    matched = {name for name in expected & found if own[name].shape == candidates[name].shape}
    report = MatchReport(
        matched=tuple(sorted(matched)),
        missing=tuple(sorted(expected - found)),
        unexpected=tuple(sorted(found - expected)),
        wrong_shape=tuple(sorted((expected & found) - matched)),
    )
    if report.matched_share < LEAST_MATCHED_SHARE:
        raise CheckpointError(
            f"{source} does not fit this backbone: {report}. Check MODEL.BACKBONE.DEPTH and WITH_IBN, "
            "or train from scratch with MODEL.BACKBONE.PRETRAIN False"
        )
    backbone.load_state_dict({name: candidates[name] for name in matched}, strict=False)
    level = logging.INFO if report.matched_share == 1 else logging.WARNING
    logger.log(level, "Pretrained backbone %s: %s", source, report)
    return report


def _without_prefix(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Strip the prefix under which most of a file's tensors lie.

    A MoCo file holds several networks (query encoder, key encoder, queue); those under other
    prefixes are left out.
    """
    for prefix in PREFIXES:
        inner = {name[len(prefix) :]: t for name, t in weights.items() if name.startswith(prefix)}
        if any(name.endswith("conv1.weight") for name in inner):
            return inner
    return dict(weights)


def _released_weights(cfg: CfgNode) -> Path:
    """The released file for this ResNet: in torch's cache, or downloaded into it."""
    node = cfg.MODEL.BACKBONE
    key = "se_" * node.WITH_SE + "ibn_" * node.WITH_IBN + node.DEPTH
    if key not in model_urls:
        raise FileNotFoundError(
            f"MODEL.BACKBONE.PRETRAIN: no released weights are known for a ResNet {key}; set "
            "MODEL.BACKBONE.PRETRAIN_PATH, or MODEL.BACKBONE.PRETRAIN False to train from scratch"
        )
    url = model_urls[key]
    cache = Path(torch.hub.get_dir()) / "checkpoints"
    path = cache / url.rsplit("/", 1)[-1]
    problem = ""
    if not path.is_file() and comm.get_local_rank() == 0:  # each machine may have a disk of its own
        cache.mkdir(parents=True, exist_ok=True)
        logger.info("Downloading %s to %s", url, path)
        try:
            torch.hub.download_url_to_file(url, str(path), progress=False)
        except (urllib.error.URLError, OSError) as error:
            problem = f" ({error})"
    comm.synchronize()
    if not path.is_file():
        raise FileNotFoundError(
            f"MODEL.BACKBONE.PRETRAIN: no file {path}, and {url} cannot be downloaded{problem}; put it "
            "there, set MODEL.BACKBONE.PRETRAIN_PATH, or train from scratch with "
            "MODEL.BACKBONE.PRETRAIN False"
        )
    return path
