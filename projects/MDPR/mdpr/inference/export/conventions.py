"""In which scale the pixels come that a graph is fed with."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Convention:
    """Pixels are ``(RGB in 0..255 - shift) / scale``.

    Attributes:
        description: for whoever reads the file's metadata.
        shift: per channel.
        scale: per channel.
    """

    description: str
    shift: tuple[float, ...]
    scale: tuple[float, ...]

    def of(self, pixels: Tensor) -> Tensor:
        """Pixels (B, 3, H, W), RGB in 0..255, in this scale; float32."""
        shift, scale = self._channels(pixels)
        return (pixels.float() - shift) / scale

    def statistics(self, mean: Tensor, std: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and std that normalise such pixels, from those (1, 3, 1, 1) for RGB in 0..255."""
        shift, scale = self._channels(mean)
        return (mean - shift) / scale, std / scale

    def _channels(self, like: Tensor) -> list[Tensor]:
        return [
            like.new_tensor(values, dtype=torch.float32).view(1, -1, 1, 1)
            for values in (self.shift, self.scale)
        ]


CONVENTIONS: Final = {
    "255": Convention("RGB in 0..255", (0.0,) * 3, (1.0,) * 3),
    "1": Convention("RGB in 0..1, as Ultralytics feeds", (0.0,) * 3, (255.0,) * 3),
    "imagenet": Convention(
        f"RGB in 0..1, less {list(_MEAN)}, divided by {list(_STD)}, as BoxMOT and torchreid feed",
        tuple(255 * value for value in _MEAN),
        tuple(255 * value for value in _STD),
    ),
}
"""By the name that ``--input`` has for it."""
