"""fast-reid's data set of a loader, with images read as RGB and a rule for broken ones."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import torch
from fastreid.data.common import CommDataset
from PIL import Image

from mdpr.data.images import ImageReadError, read_rgb
from mdpr.errors import DatasetError

logger = logging.getLogger(__name__)


class ReIDDataset(CommDataset):
    """Images with identity and camera.

    Args:
        img_items: (path, identity, camera) of each image, at least one.
        transform: from a PIL image in RGB to what the batch holds; None hands out the image itself.
        relabel: True in training (identities and cameras become 0..n-1), False in evaluation.
        skip_broken: in training, replace an unreadable image by the next readable one of the same
            identity, or else by the next readable image of the list. The same image is always
            replaced by the same one while the files stay as they are.
        has_identities: whether the items say who is who, so that a score can be computed.

    Raises:
        DatasetError: there are no items.
    """

    def __init__(
        self,
        img_items: Sequence[tuple[str, Any, Any]],
        transform: Callable[[Image.Image], Any] | None = None,
        relabel: bool = True,
        *,
        skip_broken: bool = False,
        has_identities: bool = True,
    ) -> None:
        if not img_items:
            purpose = "train on" if relabel else "evaluate on"
            raise DatasetError(
                f"there is no image to {purpose}: the data sets named in DATASETS."
                f"{'NAMES' if relabel else 'TESTS'} hold none for this purpose"
            )
        super().__init__(img_items, transform, relabel)
        self.skip_broken = skip_broken
        self.has_identities = has_identities
        # In shared memory, so that loader workers, each with a copy of this object, mark the same list.
        self._broken = torch.zeros(len(img_items), dtype=torch.uint8).share_memory_()

    def __getitem__(self, index: int) -> dict[str, Any]:
        """The image at ``index`` (or its replacement), under the keys of fast-reid's batches.

        Returns:
            ``images``, ``targets`` (identity), ``camids`` and ``img_paths``.

        Raises:
            ImageReadError: the image cannot be read, and may not or cannot be replaced.
        """
        index, image = self.read_image(index)
        path, identity, camera = self.img_items[index]
        return {
            "images": image if self.transform is None else self.transform(image),
            "targets": self.pid_dict[identity] if self.relabel else identity,
            "camids": self.cam_dict[camera] if self.relabel else camera,
            "img_paths": path,
        }

    def read_image(self, index: int) -> tuple[int, Image.Image]:
        """The decoded image at ``index``, or its replacement, before any transform.

        Returns:
            The index of the image read, and the image in RGB.

        Raises:
            ImageReadError: the image cannot be read, and may not or cannot be replaced.
        """
        try:
            return index, read_rgb(self.img_items[index][0])
        except ImageReadError as error:
            return self._replacement(index, error)

    @property
    def broken_paths(self) -> list[str]:
        """Images found unreadable so far, by this process and its loader workers, each once."""
        return [self.img_items[index][0] for index in self._broken.nonzero().flatten().tolist()]

    def _replacement(self, index: int, error: ImageReadError) -> tuple[int, Image.Image]:
        if not self.skip_broken:
            raise error
        if not self.relabel:
            raise ImageReadError(
                f"{error}. DATALOADER.SKIP_BROKEN_IMAGES does not apply to evaluation, where an image "
                "left out or replaced would change the score",
                error.reason,
            ) from error
        self._mark(index, error)
        for candidate in self._candidates(index):
            try:
                return candidate, read_rgb(self.img_items[candidate][0])
            except ImageReadError as another:
                self._mark(candidate, another)
        raise ImageReadError(
            f"{error}. No other image of the training set can be read either", error.reason
        ) from error

    def _candidates(self, index: int) -> list[int]:
        count, identity = len(self.img_items), self.img_items[index][1]
        others = ((index + step) % count for step in range(1, count))
        return sorted(others, key=lambda other: self.img_items[other][1] != identity)

    def _mark(self, index: int, error: ImageReadError) -> None:
        if not self._broken[index]:
            self._broken[index] = 1
            logger.warning(
                "Broken image replaced by another one (%d so far): %s: %s",
                int(self._broken.sum()),
                self.img_items[index][0],
                error.reason,
            )
