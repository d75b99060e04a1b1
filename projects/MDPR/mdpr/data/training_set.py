"""The data set of the training loader: each draw augmented by random numbers of its own."""

from typing import Any

from fastreid.config import CfgNode
from PIL import Image
from torch.utils.data import get_worker_info

from mdpr.data.augmentation import build_train_transforms
from mdpr.data.randomness import Purpose, global_generators_seeded, seed_global_generators
from mdpr.data.reid_dataset import ReIDDataset
from mdpr.data.sampling import Draw
from mdpr.data.sampling.identities import TrainItem


class TrainingSet(ReIDDataset):
    """Training images by `Draw`.

    What augmentation does to an image is a function of ``SEED`` and of its position in the run:
    independent of the number of loader processes, and of what they did before.

    Args:
        cfg: ``SEED``, ``INPUT`` and ``DATALOADER.SKIP_BROKEN_IMAGES`` are read.
        items: (path, identity, camera) of each training image.

    Raises:
        DatasetError: there are no items.
    """

    def __init__(self, cfg: CfgNode, items: list[TrainItem]) -> None:
        super().__init__(items, None, skip_broken=cfg.DATALOADER.SKIP_BROKEN_IMAGES)
        self._seed = cfg.SEED
        # A bound method, as loader processes may be started anew and get all this as a pickle.
        self.transform = build_train_transforms(cfg, self._patch_source, len(items))

    def __getitem__(self, index: int | Draw) -> dict[str, Any]:
        """The image of a draw, augmented; see `ReIDDataset`.

        An ``int`` is augmented by whatever the global generators give.
        """
        if not isinstance(index, Draw):
            return super().__getitem__(index)
        key = (self._seed, Purpose.AUGMENTATION, index.position)
        if get_worker_info() is not None:  # a process of its own, where nothing else draws
            seed_global_generators(*key)
            return super().__getitem__(index.image)
        with global_generators_seeded(*key):
            return super().__getitem__(index.image)

    def _patch_source(self, index: int) -> Image.Image:
        return self.read_image(index)[1]
