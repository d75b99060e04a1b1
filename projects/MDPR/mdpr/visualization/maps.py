"""The maps of a trained network on an image: attention, and how strong each embedding map is where.

H x W the image as the network takes it, h x w a feature map, M foreground maps, P stripes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mdpr.deployment import DeployedMDPR, deploy
from mdpr.errors import InputError
from mdpr.inference.embedder import Embedder
from mdpr.inference.images import rgb_image
from mdpr.inference.preprocessing import preprocessing_of
from mdpr.modeling.meta_arch import MDPR


@dataclass(frozen=True)
class Panel:
    """One map of an image.

    Attributes:
        title: what it is.
        bands: (rows, w) float32 each, from top to bottom: one, or the P stripes, which are (h, w) together.
    """

    title: str
    bands: tuple[NDArray[np.float32], ...]


@dataclass(frozen=True)
class ImageMaps:
    """An image with its maps.

    Attributes:
        name: of the image.
        pixels: (H, W, 3) uint8 RGB, as the network takes it.
        pixel_aspect: height of a pixel over its width with which the image has the proportions it came with.
        panels: its maps.
        borders: between the stripes of the hard branch, from the top, in 0..1 of the height.
    """

    name: str
    pixels: NDArray[np.uint8]
    pixel_aspect: float
    panels: tuple[Panel, ...]
    borders: tuple[float, ...]


class MapReader:
    """Makes the maps of images.

    Args:
        embedder: of an MDPR network.

    Raises:
        InputError: the network is another.
    """

    def __init__(self, embedder: Embedder) -> None:
        network: Any = embedder.network
        if isinstance(network, MDPR):
            network = deploy(network, attention=True)
        if not isinstance(network, DeployedMDPR):
            raise InputError(f"the network is a {type(network).__name__}: expected one of MDPR")
        self._embedder, self._network = embedder, network

    def attention(self, image: Any) -> ImageMaps:
        """Foreground maps of stages 4 and 3, in 0..1, and the background, which is 1 less their sum.

        Args:
            image: one image, as an embedder takes it.

        Raises:
            InputError: the network has no attention, or as an embedder.
            ImageReadError: as an embedder.
        """
        branch = self._network.network.soft_branch
        if branch is None:
            raise InputError(
                "the model has no attention, as it has no soft branch (MODEL.MDPR.SOFT_BRANCH False): "
                "draw its activation maps instead (--activations)"
            )
        if branch.attention is None:
            raise InputError("the network was deployed without its attention: use a file of `mdpr pack`")
        pixels, *shown = self._prepared(image)
        panels = []
        maps4, maps3 = self._network.attention(pixels)
        for stage, (maps,) in (("A4", maps4), ("A3", maps3)):
            background = (1 - maps.sum(dim=0)).clamp(min=0)
            panels += [_panel(f"{stage} map {m}", [each]) for m, each in enumerate(maps, 1)]
            panels.append(_panel(f"{stage} background", [background]))
        return ImageMaps(*shown, tuple(panels), self._borders(maps4.shape[2]))

    def activations(self, image: Any) -> ImageMaps:
        """How strong each embedding map is where: the root of the mean square over its channels, 0 or more.

        The P stripes are one panel.

        Args:
            image: one image, as an embedder takes it.

        Raises:
            ImageReadError, InputError: as an embedder.
        """
        pixels, *shown = self._prepared(image)
        maps = self._network.embedding_maps(pixels)
        strength = {name: each[0].square().mean(dim=0).sqrt() for name, each in maps.items()}
        stripes = [strength.pop(name) for name in list(strength) if name.startswith("hard_part_")]
        panels = [_panel(name, [each]) for name, each in strength.items()]
        if stripes:
            panels.insert(1, _panel(f"hard_part_0..{len(stripes) - 1}", stripes))
        return ImageMaps(*shown, tuple(panels), self._borders(sum(len(stripe) for stripe in stripes)))

    def _prepared(self, image: Any) -> tuple[Tensor, str, NDArray[np.uint8], float]:
        """(1, 3, H, W) as the network takes it, and the first three of `ImageMaps`."""
        picture = rgb_image(image)
        prepared = self._embedder.prepare(picture)
        height, width = preprocessing_of(self._embedder.cfg)["resize"]
        aspect = (picture.height / height) / (picture.width / width)
        name = Path(image).name if isinstance(image, (str, Path)) else ""
        pixels = prepared.permute(1, 2, 0).round().byte().numpy()
        return prepared[None].to(self._embedder.device), name, pixels, aspect

    def _borders(self, rows: int) -> tuple[float, ...]:
        """Between stripes that are cut as the hard branch cuts them."""
        settings = self._network.network.settings
        if not settings.hard_branch:
            return ()
        stripes = torch.arange(rows).chunk(settings.num_parts)
        return tuple(float(stripe[0]) / rows for stripe in stripes[1:])


def _panel(title: str, bands: Iterable[Tensor]) -> Panel:
    return Panel(title, tuple(band.float().cpu().numpy() for band in bands))
