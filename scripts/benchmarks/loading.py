"""Training images a second out of one loader process."""

import tempfile
import time
from pathlib import Path

import torch
from mdpr.data.sampling import Draw
from mdpr.data.sampling.identities import TrainItem
from mdpr.data.training_set import TrainingSet
from synth_persons.generate import write_set
from synth_persons.spec import SynthPersonsSpec

from benchmarks.forms import Network

SPEC = SynthPersonsSpec(train_identities=8, test_identities=1, distractors=0, junk=0)


def images_per_second(network: Network, base: str, budget: float) -> float:
    """Read and augment images of SynthPersons (JPEG, 128 x 64 pixels) with the config's augmentation.

    Args:
        network: images get its size.
        base: path of the config.
        budget: seconds of drawing.
    """
    torch.set_num_threads(1)  # as in loader processes
    with tempfile.TemporaryDirectory() as folder:
        write_set(Path(folder), SPEC)
        paths = Path(folder).glob("*train/*")
        items: list[TrainItem] = [(str(path), path.name[:4], path.name[6]) for path in paths]
        training_set = TrainingSet(network.config(base), items)
        for index in range(len(items)):
            training_set.read_image(index)
        start, drawn = time.perf_counter(), 0
        while drawn < len(items) or time.perf_counter() - start < budget:
            training_set[Draw(drawn % len(items), drawn)]
            drawn += 1
        return drawn / (time.perf_counter() - start)
