"""Training-time transforms: fast-reid's, but for the one that remembers.

fast-reid's ``RandomPatch`` pastes patches out of a pool of up to 50,000 that each loader process fills
as it goes: gigabytes, and other patches after every restart. Here the patch is cut from a training
image that is drawn on the spot, unless ``INPUT.RPT.STORE`` asks for such a pool.
"""

import random
from collections.abc import Callable

from fastreid.config import CfgNode
from fastreid.data.transforms import RandomPatch as PooledRandomPatch
from fastreid.data.transforms import ToTensor, build_transforms
from PIL import Image
from torch import Tensor
from torchvision.transforms import Compose


def build_train_transforms(
    cfg: CfgNode, read_image: Callable[[int], Image.Image], num_images: int
) -> Compose:
    """The transforms of ``INPUT``, with `RandomPatch` in the place of fast-reid's.

    Args:
        cfg: ``INPUT`` is read.
        read_image: from an index to a decoded RGB training image, for patches.
        num_images: number of training images.

    Returns:
        From a PIL image to a (3, H, W) float32 tensor, RGB, 0..255.
    """
    transforms = build_transforms(cfg, is_train=True).transforms
    store = cfg.INPUT.RPT.get("STORE", 0)  # fast-reid's own configs have none

    def patching(probability: float) -> PooledRandomPatch:
        if store:
            return PooledRandomPatch(probability, pool_capacity=store)
        return RandomPatch(read_image, num_images, probability)

    return Compose([
        patching(transform.prob_happen) if isinstance(transform, PooledRandomPatch) else transform
        for transform in transforms
    ])  # fmt: skip


class RandomPatch(PooledRandomPatch):
    """Pastes a piece of another training image, with fast-reid's rules for its size and place.

    The same probability, range of areas and aspect ratios, and mirroring as fast-reid's. What differs:
    every training image is equally likely to give the patch (fast-reid: whatever the process has
    seen), from the first step on (fast-reid: after 100 images), and the patch is cut from the image
    as it is in the file, scaled to the training size (fast-reid: after the other transforms).

    Costs one decoded image for each image that gets a patch, of which only the patch is scaled; no
    memory.

    Args:
        read_image: from an index to a decoded RGB image.
        num_images: indices are 0..num_images-1.
        prob_happen: probability that an image gets a patch.
    """

    def __init__(
        self,
        read_image: Callable[[int], Image.Image],
        num_images: int,
        prob_happen: float = 0.5,
    ) -> None:
        super().__init__(prob_happen=prob_happen, pool_capacity=0)
        self._read_image = read_image
        self._num_images = num_images
        self._to_tensor = ToTensor()

    def __call__(self, img: Tensor) -> Tensor:
        """Paste a patch, or do nothing.

        Args:
            img: (3, H, W) RGB, 0..255; changed in place, as by fast-reid's.

        Returns:
            The same tensor.
        """
        if random.uniform(0, 1) > self.prob_happen:
            return img
        height, width = img.shape[-2:]
        patch_width, patch_height = self.generate_wh(width, height)
        if patch_width is None:
            return img
        patch = self._patch((patch_width, patch_height), (width, height))
        x = random.randint(0, width - patch_width)
        y = random.randint(0, height - patch_height)
        img[..., y : y + patch_height, x : x + patch_width] = self.transform_patch(patch)
        return img

    def _patch(self, patch_size: tuple[int, int], size: tuple[int, int]) -> Tensor:
        """A random piece of a random image, cut as if that had been scaled to ``size`` before."""
        image = self._read_image(random.randrange(self._num_images))
        left, top = (random.randint(0, whole - piece) for whole, piece in zip(size, patch_size, strict=True))
        scale = [file / training for file, training in zip(image.size, size, strict=True)]
        box = (
            left * scale[0],
            top * scale[1],
            min((left + patch_size[0]) * scale[0], image.width),
            min((top + patch_size[1]) * scale[1], image.height),
        )
        return self._to_tensor(image.resize(patch_size, Image.Resampling.BICUBIC, box=box))
