"""Pixels as bytes on their way from a loader process to a GPU, a quarter of what float32 takes.

Images are whole numbers in 0..255, but for what random erasing has filled. That is one colour, so a mask says
where; whatever else an augmentation makes stays float32.

B batch, H x W pixels.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from fastreid.data.build import fast_batch_collator
from torch import Tensor


class BytePixels:
    """Both ends of the way.

    Args:
        fill: the colour of random erasing (``INPUT.REA.VALUE``), RGB in 0..255.
    """

    def __init__(self, fill: Sequence[float]) -> None:
        self._fill = torch.tensor(fill, dtype=torch.float32).view(-1, 1, 1)

    def collate(self, items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """fast-reid's batch of ``items``, images packed where they can be; runs in a loader process."""
        batch: dict[str, Any] = fast_batch_collator(items)
        batch["images"] = self.pack(batch["images"])
        return batch

    def pack(self, images: Tensor) -> Tensor:
        """
        Args:
            images: (B, 3, H, W) float32.

        Returns:
            (B, 3, H, W) uint8; (B, 4, H, W) uint8 with a mask of what is filled; or ``images`` where bytes
            cannot say it.
        """
        whole = images.clamp(0, 255).byte()
        if torch.equal(whole.float(), images):
            return whole
        filled = (images == self._fill).all(dim=1, keepdim=True)
        packed = torch.cat([whole, filled.byte()], dim=1)
        return packed if torch.equal(self._unpack(packed), images) else images

    def unpack(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """The batch with the very images that were packed, float32, on the device where they are."""
        images = batch["images"]
        return {**batch, "images": self._unpack(images) if images.dtype == torch.uint8 else images}

    def _unpack(self, packed: Tensor) -> Tensor:
        images = packed[:, :3].float()
        if packed.shape[1] == 3:
            return images
        return torch.where(packed[:, 3:].bool(), self._fill.to(packed.device, non_blocking=True), images)
