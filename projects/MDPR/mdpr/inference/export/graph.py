"""The network as a graph: pixels in, features out, in plain operators, for batches of any size."""

import copy

import torch
from torch import Tensor, nn

from mdpr.deployment import DeployedMDPR, deploy
from mdpr.errors import InputError
from mdpr.inference.compression import Compression
from mdpr.inference.export.conventions import Convention
from mdpr.modeling.meta_arch import MDPR

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
INPUT, OUTPUT = "images", "embeddings"


class Graph(nn.Module):
    """What is traced: a network whose mean and std of pixels are those of the input's convention.

    Args:
        network: in eval mode; its mean and std of pixels are changed.
        size: height and width of images, in pixels.
        convention: of the input.
        flips: whether features are the mean of an image's and its mirror image's.
        compression: what the model has behind its network, if anything.

    Attributes:
        example: arguments to trace with.
        dynamic_shapes: what may differ from them: the batch, of 1 or more images.
    """

    def __init__(
        self,
        network: nn.Module,
        size: tuple[int, int],
        convention: Convention,
        *,
        flips: bool,
        compression: Compression | None = None,
    ) -> None:
        super().__init__()
        self.network, self._flips, self.compression = network, flips, compression
        mean, std = convention.statistics(network.pixel_mean, network.pixel_std)  # type: ignore[arg-type]
        network.pixel_mean, network.pixel_std = mean, std
        self.example = (torch.zeros(2, 3, *size),)
        self.dynamic_shapes = ({0: torch.export.Dim("batch", min=1)},)
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in the convention to (B, D) float32, un-normalised."""
        features = self.network(images.clone())  # as fast-reid's own networks change theirs
        if self._flips:
            features = (features + self.network(images.flip(3))) / 2
        return features.float() if self.compression is None else self.compression(features)


def portable_form(network: nn.Module) -> nn.Module:
    """A copy of a network, in the form that is exported: MDPR's deployed one, others as they are."""
    return deploy(network, attention=True) if isinstance(network, MDPR) else copy.deepcopy(network)


def compute_in(network: nn.Module, dtype: torch.dtype) -> None:
    """Let a network compute its maps in a type, from weights of that type.

    Args:
        network: changed in place.
        dtype: float32, float16 or bfloat16.

    Raises:
        InputError: it is no MDPR network; the others compute in float32 only.
    """
    if isinstance(network, DeployedMDPR):
        network.compute_in(dtype)
    elif dtype != torch.float32:
        raise InputError(f"a {type(network).__name__} has no form in {dtype}: export it in fp32 or int8")
