"""fast-reid's training transforms, but for the one that remembers."""

from collections.abc import Callable

from fastreid.config import CfgNode
from fastreid.data.transforms import RandomPatch as PooledRandomPatch
from fastreid.data.transforms import build_transforms
from PIL import Image
from torchvision.transforms import Compose

from mdpr.data.augmentation.random_patch import RandomPatch


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
    return Compose([
        RandomPatch(read_image, num_images, transform.prob_happen)
        if isinstance(transform, PooledRandomPatch)
        else transform
        for transform in transforms
    ])  # fmt: skip
