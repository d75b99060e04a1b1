"""The maps of a model on an image: attention, and how strong each embedding map is where.

H x W the image as the network takes it, h x w a feature map, M foreground maps, P stripes.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mdpr.deployment import DeployedMDPR
from mdpr.errors import InputError
from mdpr.inference.embedder import Embedder
from mdpr.inference.images import rgb_image
from mdpr.inference.preprocessing import preprocessing_of


@dataclass(frozen=True)
class ImageMaps:
    """An image with its maps.

    Attributes:
        name: of the image's file, if it is one.
        pixels: (H, W, 3) uint8 RGB, as the network takes it.
        pixel_aspect: height of a pixel over its width that gives the image the proportions it came with.
        maps: by title, (rows, w) float32 from top to bottom: one, or the P stripes, of h rows together.
        borders: between the stripes of the hard branch, from the top, in 0..1 of the height.
    """

    name: str
    pixels: NDArray[np.uint8]
    pixel_aspect: float
    maps: dict[str, tuple[NDArray[np.float32], ...]]
    borders: tuple[float, ...]


def maps_of(embedder: Embedder, image: Any, *, activations: bool = False) -> ImageMaps:
    """Attention: the M foreground maps of stages 4 and 3, in 0..1, and backgrounds, 1 less their sum.

    Args:
        embedder: of a model file with MDPR, or of a config and a network deployed with attention.
        image: one image, as an embedder takes it.
        activations: instead, of each embedding map, the root of the mean square over its channels.

    Raises:
        InputError: another embedder, attention of a network without a soft branch, or no usable image.
        ImageReadError: a file that cannot be read.
    """
    network, picture = embedder.network, rgb_image(image)
    if not isinstance(network, DeployedMDPR):
        raise InputError("maps are those of a model file with MDPR, as `mdpr pack` writes it of a run")
    pixels = embedder.prepare(picture)
    maps = (_activations if activations else _attention)(network, pixels[None].to(embedder.device))
    settings, rows = network.network.settings, len(next(iter(maps.values()))[0])
    stripes = torch.arange(rows).chunk(settings.num_parts) if settings.hard_branch else ()
    height, width = preprocessing_of(embedder.cfg)["resize"]
    return ImageMaps(
        Path(image).name if isinstance(image, (str, Path)) else "",
        pixels.permute(1, 2, 0).round().byte().numpy(),
        (picture.height / height) / (picture.width / width),
        {title: tuple(band.cpu().numpy() for band in bands) for title, bands in maps.items()},
        tuple(float(stripe[0]) / rows for stripe in stripes[1:]),
    )


def _attention(network: DeployedMDPR, pixels: Tensor) -> dict[str, list[Tensor]]:
    if network.network.soft_branch is None:
        raise InputError("MODEL.MDPR.SOFT_BRANCH is False: no attention to draw, but --activations can be")
    if len(stages := network.network.settings.soft_stages) == 1:
        raise InputError(f"MODEL.MDPR.SOFT_STAGES is {stages}: attention is drawn of both stages")
    if network.network.soft_branch.attention is None:
        raise InputError("this network was deployed without attention: maps are those of a model file")
    maps: dict[str, list[Tensor]] = {}
    for stage, (foreground,) in zip(("A4", "A3"), network.attention(pixels), strict=True):
        maps |= {f"{stage} map {m}": [each] for m, each in enumerate(foreground, 1)}
        maps[f"{stage} background"] = [(1 - foreground.sum(dim=0)).clamp(min=0)]
    return maps


def _activations(network: DeployedMDPR, pixels: Tensor) -> dict[str, list[Tensor]]:
    maps: dict[str, list[Tensor]] = {}
    for name, each in network.embedding_maps(pixels).items():
        title = "hard_parts" if name.startswith("hard_part_") else name
        maps.setdefault(title, []).append(each[0].square().mean(dim=0).sqrt())
    return maps
