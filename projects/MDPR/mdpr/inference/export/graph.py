"""The network as a graph: pixels in, features out, in plain operators, for batches of any size."""

import copy

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from mdpr.deployment import DeployedMDPR, deploy
from mdpr.errors import InputError
from mdpr.inference.export.conventions import Convention
from mdpr.modeling.meta_arch import MDPR

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
INPUT, OUTPUT = "images", "embeddings"


class _Graph(nn.Module):
    """What is traced. Mean and std of pixels are the network's own, in the convention of the input."""

    def __init__(self, network: nn.Module, convention: Convention, flips: bool) -> None:
        super().__init__()
        self.network, self.flips = network, flips
        mean, std = convention.statistics(network.pixel_mean, network.pixel_std)  # type: ignore[arg-type]
        network.pixel_mean, network.pixel_std = mean, std

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in the convention to (B, D) float32, un-normalised."""
        # Not to be changed in place, as fast-reid's own networks do.
        features = self.network(images.clone())
        if self.flips:
            features = (features + self.network(images.flip(3))) / 2
        return features.float()


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


def traced(
    network: nn.Module, size: tuple[int, int], convention: Convention, *, flips: bool
) -> ExportedProgram:
    """Trace a network.

    Args:
        network: in eval mode; its mean and std of pixels are changed.
        size: height and width in pixels.
        convention: of the graph's input.
        flips: whether features are the mean of an image's and its mirror image's.

    Returns:
        From (B, 3, height, width) to (B, D), B being 1 or more.
    """
    graph = _Graph(network, convention, flips).eval()
    batch = torch.export.Dim("batch", min=1)
    with torch.no_grad():
        return torch.export.export(graph, (torch.zeros(2, 3, *size),), dynamic_shapes=({0: batch},))
