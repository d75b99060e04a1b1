"""The deployed form of a trained network: the same features from the same inputs, with less work.

It is made from the network by transformation, not defined a second time, and computes in eval mode only.
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from mdpr.deployment.compilation import compiled_or_not
from mdpr.deployment.transformation import shorten, shorten_head, shorten_nested
from mdpr.host import keep_freed_memory
from mdpr.kernels import accelerate
from mdpr.modeling.meta_arch import MDPR
from mdpr.modeling.preprocessing import images_of, normalize_pixels

DTYPES = (torch.float32, torch.bfloat16)


class DeployedMDPR(nn.Module):
    """A network that only makes features; see `deploy`.

    Args:
        network: transformed already, in eval mode.
        compiled: whether to compile the network.
    """

    pixel_mean: Tensor
    pixel_std: Tensor

    def __init__(self, network: MDPR, *, compiled: bool = False) -> None:
        super().__init__()
        self.dtype = torch.float32
        self.register_buffer("pixel_mean", network.pixel_mean.float())
        self.register_buffer("pixel_std", network.pixel_std.float())
        self.network = network
        del network.pixel_mean, network.pixel_std  # its own are not used, nor saved
        # Frozen: the weights change no more.
        self.embed = compiled_or_not(network.embed, options={"freezing": True}) if compiled else network.embed

    def forward(self, batched_inputs: dict[str, Any] | Tensor) -> Tensor:
        """Test features.

        Args:
            batched_inputs: fast-reid's batch dict, or images (B, 3, H, W) RGB in 0..255.

        Returns:
            (B, D) float32, un-normalised, in the order of the network's.

        Raises:
            TypeError: the input is neither a batch dict nor a tensor.
            KeyError: the batch has no images.
        """
        with torch.no_grad():
            return self.embed(self._normalized(batched_inputs))

    def attention(self, batched_inputs: dict[str, Any] | Tensor) -> tuple[Tensor, Tensor]:
        """Foreground attention maps of stages 4 and 3.

        Returns:
            A4 (B, M, h, w) and A3 (B, M, h3, w3), float32, in 0..1.

        Raises:
            ValueError: the network was deployed without attention, or has no soft branch.
        """
        branch: Any = self.network.soft_branch
        if getattr(branch, "attention", None) is None:
            raise ValueError(
                "this network has no attention of both stages: deploy one with its soft branch by "
                "deploy(model, attention=True)"
            )
        with torch.no_grad():
            shared = self.network.backbone(self._normalized(batched_inputs))
            maps4, maps3 = branch.attention(*branch.stages(shared))
        return maps4.float(), maps3.float()

    def embedding_maps(self, batched_inputs: dict[str, Any] | Tensor) -> dict[str, Tensor]:
        """What each head pools, (B, E, h, w) float32; 4E of the fusion, and P stripes of h rows together."""
        with torch.no_grad():
            maps, _ = self.network.feature_maps(self._normalized(batched_inputs))
        return {name: each.float() for name, each in maps.items()}

    def compute_in(self, dtype: torch.dtype) -> "DeployedMDPR":
        """Compute maps in another type, from weights of that type; pooling and features stay float32."""
        network = self.network
        for part in (network.backbone, network.hard_branch, network.soft_branch, network.fusion):
            if part is not None:
                part.to(dtype)
        self.dtype = dtype
        return self

    def train(self, mode: bool = True) -> "DeployedMDPR":
        """Stay in eval mode, whatever ``mode`` says: there is nothing left to train."""
        return super().train(False)

    def _normalized(self, batched_inputs: dict[str, Any] | Tensor) -> Tensor:
        images = normalize_pixels(images_of(batched_inputs), self.pixel_mean, self.pixel_std)
        return images.to(self.dtype, memory_format=torch.channels_last)


def deploy(
    model: MDPR,
    *,
    dtype: torch.dtype = torch.float32,
    attention: bool = False,
    compile: bool = False,  # noqa: A002 - PyTorch's own word for it
) -> DeployedMDPR:
    """Make the fast form of a trained network.

    Batch norms are folded into convolutions, the two convolutions of each fusion block and of each
    attention block become one, and all that only training needs is left out. In float32, features equal
    those of ``model`` to rounding. On a CPU, memory that this process frees is from then on kept for the next
    call (`mdpr.host.keep_freed_memory`). In float32 this is the fastest way on a CPU for several images at a
    time; for one, and in INT8, a runtime is (``mdpr export``, with figures in docs/export.md).

    Args:
        model: not changed, and none of its memory is shared.
        dtype: ``torch.float32``, or ``torch.bfloat16`` for the maps; pooling and features stay float32.
        attention: keep what `DeployedMDPR.attention` needs.
        compile: compile with ``torch.compile`` at the first call, a matter of minutes; where that fails
            (as without a C++ compiler), one line says so and the network runs as it is.

    Returns:
        The deployed network, in eval mode for good.

    Raises:
        ValueError: another dtype.
    """
    if dtype not in DTYPES:
        known = " or ".join(map(str, DTYPES))
        raise ValueError(f"dtype is {dtype}: a deployed network computes in {known}")
    if model.pixel_mean.device.type == "cpu":
        keep_freed_memory()
    network = _eval_copy(model, attention).requires_grad_(False)
    accelerate(network)
    for part in (network.backbone, network.hard_branch, network.soft_branch, network.fusion):
        if part is not None:
            shorten(part)
    network.heads = nn.ModuleDict({name: shorten_head(head) for name, head in network.heads.items()})
    network.nested = shorten_nested(network.nested)
    return DeployedMDPR(network, compiled=compile).compute_in(dtype).eval()


def _eval_copy(model: MDPR, attention: bool) -> MDPR:
    """A copy in eval mode without what only training needs."""
    network = copy.deepcopy(model).eval()
    network.distillation = None
    network.auxiliary_losses = nn.ModuleDict()
    branch: Any = network.soft_branch
    if branch is not None:
        for name in ("pooling4", "pooling3", "pooling", "logits", *(() if attention else ("attention",))):
            setattr(branch, name, None)
    network.heads = nn.ModuleDict({name: network.heads[name] for name in network.tested})
    return network
