"""The network over a test set: the features of every image, batch by batch, to an evaluator."""

import logging
import time
from typing import Any

import torch
from fastreid.config import CfgNode
from fastreid.evaluation.evaluator import DatasetEvaluator
from fastreid.utils.logger import log_every_n_seconds
from torch import Tensor, nn
from torch.utils.data import DataLoader

from mdpr.engine.steps.mixed_precision import DTYPES, Precision

logger = logging.getLogger(__name__)


def extract_features(cfg: CfgNode, model: nn.Module, loader: DataLoader, evaluator: DatasetEvaluator) -> None:
    """Let an evaluator process every batch, in the way that ``TEST`` and ``MODEL.DEVICE`` say.

    Nothing is read from a GPU, which never waits for the next batch. The evaluator forgets what it has seen
    before; modules come back in the modes they are in.
    """
    device = torch.device(cfg.MODEL.DEVICE)
    precision = Precision(DTYPES.get(cfg.TEST.MDPR.PRECISION, torch.float32))
    evaluator.reset()
    modes = [(module, module.training) for module in model.modules()]
    start, images = time.perf_counter(), 0
    model.eval()
    try:
        with torch.inference_mode(), precision.autocast(device):
            for number, batch in enumerate(loader, 1):
                features = features_of(model, batch, flip=cfg.TEST.FLIP.ENABLED)
                evaluator.process(batch, features)
                images += len(features)
                log_every_n_seconds(logging.INFO, f"Batch {number} of {len(loader)}", n=10)
    finally:
        for module, training in modes:
            module.training = training
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    seconds = time.perf_counter() - start
    logger.info("Features of %d images in %.1f s: %.1f a second", images, seconds, images / seconds)


def features_of(model: nn.Module, batch: dict[str, Any], *, flip: bool) -> Tensor:
    """Test features of a batch.

    Args:
        model: in eval mode.
        batch: fast-reid's, of which ``images`` (B, 3, H, W) are read.
        flip: the mean of an image's features and its mirror image's (``TEST.FLIP``).

    Returns:
        (B, D), un-normalised.
    """
    features = model(batch)
    if flip:
        features = (features + model({**batch, "images": batch["images"].flip(3)})) / 2
    return features
