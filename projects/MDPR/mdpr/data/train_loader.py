"""A training loader that starts where a run left off."""

import os
import signal
import threading
from collections.abc import Generator
from typing import Any

from torch.utils.data import DataLoader

from mdpr.data.sampling import RepeatableBatches
from mdpr.data.training_set import TrainingSet


class TrainLoader:
    """The endless row of a run's batches, from the place that was loaded into it.

    Nothing is read before the first batch is asked for, so that a checkpoint can still move the start.
    It counts the batches of finished steps: those that were handed out up to the last `commit`.
    """

    def __init__(self, loader: DataLoader, batches: RepeatableBatches) -> None:
        self._loader = loader
        self._batches = batches
        self._handed_out = 0
        self._committed = 0
        self._iterators: list[Generator[dict[str, Any], None, None]] = []

    @property
    def dataset(self) -> TrainingSet:
        """What the batches are made of."""
        dataset: Any = self._loader.dataset
        return dataset

    @property
    def num_workers(self) -> int:
        """Loader processes."""
        return self._loader.num_workers

    def __iter__(self) -> Generator[dict[str, Any], None, None]:
        """Batches as fast-reid's; see `mdpr.data.loader.build_train_loader`."""
        iterator = self._generate()
        self._iterators.append(iterator)
        return iterator

    def close(self) -> None:
        """End the loader processes."""
        while self._iterators:
            self._iterators.pop().close()

    def _generate(self) -> Generator[dict[str, Any], None, None]:
        self._batches.start = self._handed_out = self._committed
        for batch in self._loader:
            self._handed_out += 1
            yield batch

    def commit(self) -> None:
        """Say that the step that used the batches so far is done."""
        self._committed = self._handed_out

    def state_dict(self) -> dict[str, int]:
        """How many images, over all processes, the finished steps have used."""
        return {"images": self._committed * self._batches.size.total}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on behind the images of ``state``, with the next iteration over this loader."""
        self._committed = state["images"] // self._batches.size.total


def outlive_one_signal(worker: int) -> None:
    """Let a loader process live through what ends a run, so that the run can finish its step.

    Ctrl-C and many schedulers signal all processes of a run at once. SIGINT is left to the run. So is
    the first SIGTERM, unless it comes from the parent process, which sends it to be rid of this one.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Only who waits for a signal learns who sent it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    threading.Thread(target=_wait_for_the_end, args=(os.getppid(),), daemon=True).start()


def _wait_for_the_end(parent: int) -> None:
    for _ in range(2):
        if signal.sigwaitinfo({signal.SIGTERM}).si_pid == parent:
            break
    os._exit(128 + signal.SIGTERM)
