"""A trained network as a function from images to embeddings."""

import threading
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from fastreid.data.transforms import build_transforms
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from torch import Tensor

from mdpr.deployment import DeployedMDPR
from mdpr.engine.feature_extraction import features_of
from mdpr.engine.steps.mixed_precision import Precision
from mdpr.errors import ConfigError, InputError
from mdpr.host import has_gpu, keep_freed_memory, why_no_gpu
from mdpr.inference.calibration import Calibration
from mdpr.inference.decisions import Decision, decide
from mdpr.inference.export.runtime import is_graph
from mdpr.inference.images import check_color, crops_of, is_one_image, rgb_image
from mdpr.inference.model_file import fingerprint_of
from mdpr.inference.preprocessing import preprocessing_of
from mdpr.inference.sources import open_source
from mdpr.inference.stored_form import normalized

PRECISIONS: Final = {"fp32": torch.float32, "bf16": torch.bfloat16}


class Embedder:
    """Embeddings of images, the same as an evaluation's: its resizing, its scaling, its network.

    From the same batches, in fp32 and before normalisation, they are to the last bit those of
    ``train_net.py --eval-only``; a model file has the deployed form, which ``TEST.MDPR.DEPLOY fp32``
    evaluates. Threads may share an embedder.

    Args:
        source: a model file that `mdpr pack` wrote, a file that `mdpr export` wrote, the folder of a run,
            (config, weights), (config, network), or an MDPR network built from a config. A config is a path
            or a ``CfgNode``; a network is copied.
        device: "cpu", "cuda" or "cuda:1"; None takes a GPU where there is one.
        precision: "fp32", or "bf16" for the network's maps; embeddings are float32. An exported file has its
            own, and runs on the CPU.
        batch_size: images at a time.
        dimensions: take the first so many numbers of a short embedding (``TEST.MDPR.NESTED_DIM``, or a file
            that `mdpr compress` wrote), which are one themselves; None takes all.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: nothing that a network can be made of, or an argument that cannot be used.
        CheckpointError, ConfigError: a file, or a device, that cannot be used.
    """

    def __init__(
        self,
        source: Any,
        device: str | torch.device | None = None,
        precision: str = "fp32",
        batch_size: int = 32,
        dimensions: int | None = None,
    ) -> None:
        if precision not in PRECISIONS:
            raise InputError(f"precision is {precision!r}: expected one of {', '.join(PRECISIONS)}")
        if batch_size < 1:
            raise InputError(f"batch_size is {batch_size}: expected 1 or more images")
        self.device = _usable_device("cpu" if device is None and is_graph(source) else device)
        self.batch_size = batch_size
        self.precision = precision
        opened = open_source(source, self.device, PRECISIONS[precision])
        self.network, self.cfg, self.file = opened.network, opened.cfg, opened.file
        self._flips = bool(opened.cfg.TEST.FLIP.ENABLED)
        self._transforms = build_transforms(opened.cfg, is_train=False)
        # A deployed network in bf16 has weights of that type.
        autocasts = not isinstance(self.network, DeployedMDPR)
        self._precision = Precision(PRECISIONS[precision] if autocasts else torch.float32)
        self._lock = threading.Lock()
        self._dimension: int | None = None if self.file is None else self.file.metadata["dimension"]
        self._fingerprint: str | None = None if self.file is None else self.file.metadata["fingerprint"]
        self.compression = None if opened.compression is None else opened.compression.to(self.device)
        self._first: int | None = None
        if dimensions is not None:
            self._cut_to(dimensions)
        if self.device.type == "cpu":
            keep_freed_memory()

    @classmethod
    def from_file(
        cls,
        path: str | Path,
        device: str | torch.device | None = None,
        precision: str = "fp32",
        batch_size: int = 32,
        dimensions: int | None = None,
    ) -> "Embedder":
        """An embedder of a model file; see the class.

        Raises:
            FileNotFoundError, CheckpointError, ConfigError, InputError: as the class.
        """
        return cls(path, device, precision, batch_size, dimensions)

    @property
    def dimension(self) -> int:
        """D, numbers of an embedding."""
        if self._dimension is None:
            height, width = preprocessing_of(self.cfg)["size"]
            self._dimension = self.features(torch.zeros(1, 3, height, width)).shape[1]
        return self._dimension

    @property
    def fingerprint(self) -> str:
        """SHA-256, hexadecimal: embeddings are comparable where this is the same."""
        if self._fingerprint is None:
            self._fingerprint = fingerprint_of(self.network.state_dict(), preprocessing_of(self.cfg))
        kind = "" if self.precision == "fp32" else f"-{self.precision}"
        return self._fingerprint + kind + ("" if self._first is None else f"-{self._first}")

    def __call__(
        self, images: Any, *, boxes: ArrayLike | None = None, color: str = "rgb", normalize: bool = True
    ) -> NDArray[np.float32]:
        """Embed images, or the pieces of one image that boxes name.

        Args:
            images: one image or any number of them, of any size, mixed: paths, PIL images, arrays
                (H, W, 3) or (H, W) uint8, tensors (3, H, W) uint8 RGB; also a whole array (B, H, W, 3) or
                tensor (B, 3, H, W).
            boxes: (N, 4) left, top, right, bottom in pixels of the one image; clipped to it.
            color: of arrays: "rgb", or "bgr" as OpenCV has it.
            normalize: whether rows have length 1, so that a product of two is their cosine similarity.

        Returns:
            (N, D) float32; (0, D) for nothing.

        Raises:
            ImageReadError: a file that cannot be read.
            InputError: an image, a box or an option that cannot be used.
        """
        check_color(color)
        if boxes is not None:
            if not is_one_image(images):
                raise InputError("boxes belong to one image: embed frame by frame, each with its boxes")
            images, color = crops_of(rgb_image(images, color), boxes), "rgb"
        batches = list(self.batches(images, color=color, normalize=normalize))
        return np.concatenate(batches) if batches else np.empty((0, self.dimension), np.float32)

    def batches(
        self, images: Any, *, color: str = "rgb", normalize: bool = True
    ) -> Iterator[NDArray[np.float32]]:
        """Embed any number of images, `batch_size` at a time, in memory for one batch.

        Args:
            images: as in a call; an iterator is read as it is needed.
            color: as in a call.
            normalize: as in a call.

        Yields:
            (B, D) float32.

        Raises:
            ImageReadError, InputError: as a call.
        """
        check_color(color)
        prepared = self._prepared((images,) if is_one_image(images) else images, color)
        while batch := list(islice(prepared, self.batch_size)):
            features = self.features(torch.stack(batch))
            yield normalized(features) if normalize else features

    @property
    def calibration(self) -> Calibration | None:
        """That of the model file, which `mdpr calibrate` adds."""
        stored = None if self.file is None else self.file.metadata["calibration"]
        return None if stored is None else Calibration.from_dict(stored)

    def same_person(self, first: Any, second: Any) -> Decision:
        """Decide whether two images, each as in a call, show the same person.

        Raises:
            ImageReadError, InputError: as a call.
        """
        one, two = self([first, second])
        return decide(one @ two, self.calibration)

    def _prepared(self, images: Iterable[Any], color: str) -> Iterator[Tensor]:
        for index, image in enumerate(images):
            try:
                yield self.prepare(image, color)
            except InputError as error:
                raise InputError(f"image {index}: {error}") from error

    def prepare(self, image: Any, color: str = "rgb") -> Tensor:
        """One image as the network takes it, by the evaluation's own transforms.

        Args:
            image: as in a call.
            color: as in a call.

        Returns:
            (3, H, W) float32 RGB, 0..255.

        Raises:
            ImageReadError, InputError: as a call.
        """
        picture: Image.Image = rgb_image(image, color)
        return self._transforms(picture)

    def features(self, pixels: Tensor) -> NDArray[np.float32]:
        """Embeddings of prepared images.

        Args:
            pixels: (B, 3, H, W) RGB in 0..255.

        Returns:
            (B, D) float32, un-normalised.
        """
        with self._lock, torch.inference_mode(), self._precision.autocast(self.device):
            batch = {"images": pixels.to(self.device)}
            features = features_of(self.network, batch, flip=self._flips)
            if self.compression is not None:
                features = self.compression(features)
            return features[:, : self._first].float().cpu().numpy()

    def _cut_to(self, dimensions: int) -> None:
        if self.compression is None and not self.cfg.TEST.MDPR.NESTED_DIM:
            raise InputError(
                f"dimensions is {dimensions}: expected None, as the first numbers of this feature are no "
                "embedding; TEST.MDPR.NESTED_DIM and `mdpr compress` make one of which they are"
            )
        if not 1 <= dimensions <= self.dimension:
            raise InputError(f"dimensions is {dimensions}: expected 1 to {self.dimension}")
        self._first = self._dimension = dimensions


def _usable_device(device: str | torch.device | None) -> torch.device:
    if device is None:
        if has_gpu() and not torch.cuda.is_available():
            raise ConfigError(f"this machine has a GPU that cannot be used: {why_no_gpu()}; or device='cpu'")
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise ConfigError(f"device is {device!r}: expected 'cpu', 'cuda' or 'cuda:N'") from error
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"device is {device!r}, which cannot be used: {why_no_gpu()}")
    return chosen
