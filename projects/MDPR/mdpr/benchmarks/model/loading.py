"""Training images a second out of one loader process."""

import tempfile
import time
from pathlib import Path

import torch
from PIL import Image
from synth_persons.generate import draw_samples
from synth_persons.spec import SynthPersonsSpec

from mdpr.benchmarks.model.forms import Network
from mdpr.data.sampling import Draw
from mdpr.data.sampling.identities import TrainItem
from mdpr.data.training_set import TrainingSet

__all__ = ["LOADER_FORMS", "images_per_second"]

LOADER_FORMS = ("files", "image cache")
NUM_IDENTITIES, QUALITY = 8, 90


def images_per_second(form: str, network: Network, base: str, budget: float) -> float:
    """Read and augment images of SynthPersons (JPEG, 128 x 64 pixels) with the config's augmentation.

    Args:
        form: one of ``LOADER_FORMS``; the cache is full when timing starts.
        network: images get its size.
        base: path of the config.
        budget: seconds of drawing.
    """
    torch.set_num_threads(1)  # as in loader processes
    with tempfile.TemporaryDirectory() as folder:
        items = _write_images(Path(folder))
        cache = str(Path(folder) / "cache") if form == "image cache" else ""
        cfg = network.config(base, "DATALOADER.IMAGE_CACHE", cache)
        training_set = TrainingSet(cfg, items)
        for index in range(len(items)):
            training_set.read_image(index)
        start, drawn = time.perf_counter(), 0
        while drawn < len(items) or time.perf_counter() - start < budget:
            training_set[Draw(drawn % len(items), drawn)]
            drawn += 1
        return drawn / (time.perf_counter() - start)


def _write_images(folder: Path) -> list[TrainItem]:
    items: list[TrainItem] = []
    for sample in draw_samples(SynthPersonsSpec(), range(1, NUM_IDENTITIES + 1), (1, 2), 4):
        path = folder / f"{sample.identity}_{sample.camera}_{sample.index}.jpg"
        Image.fromarray(sample.image).save(path, quality=QUALITY)
        items.append((str(path), str(sample.identity), str(sample.camera)))
    return items
