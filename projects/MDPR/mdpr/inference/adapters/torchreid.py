"""In the place of torchreid's ``FeatureExtractor``."""

from typing import Any

import torch
from torch import Tensor

from mdpr.inference.embedder import Embedder


class FeatureExtractor:
    """Called as torchreid's own; it is made from an embedder and not from the name of a network."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.device = embedder.device

    def __call__(self, input: Any) -> Tensor:  # noqa: A002 -- may be given by name
        """L2-normalised features (B, D), on the embedder's device.

        Args:
            input: path, (H, W, 3) array, RGB, or a list of them; or a uint8 tensor (3, H, W) or (B, 3, H, W),
                RGB. torchreid takes tensors that are resized and normalised, which is done in here.
        """
        return torch.from_numpy(self._embedder(input)).to(self.device)


def wrap(embedder: Embedder) -> FeatureExtractor:
    """In the place of ``FeatureExtractor(model_name=..., model_path=...)``."""
    return FeatureExtractor(embedder)
