"""Files written by a thread, from copies, while training goes on."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map


class BackgroundWriter:
    """One write at a time; what it raises is raised where the next one starts, or where it is waited for.

    A process that ends in order finishes the write.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="checkpoint")
        self._writing: Future[None] | None = None

    def start(self, write: Callable[[Any], None], content: Any) -> None:
        """Wait for the write before, copy ``content``, and start ``write(copy)``.

        Args:
            write: writes the files; whatever it raises is raised later.
            content: nested dicts, lists and tuples with tensors, which may change as soon as this returns.
        """
        self.wait()
        copy = tree_map(_host_copy, content)
        copied = torch.cuda.Event() if torch.cuda.is_initialized() else None
        if copied is not None:
            copied.record()

        def wait_and_write() -> None:
            if copied is not None:
                copied.synchronize()
            write(copy)

        self._writing = self._thread.submit(wait_and_write)

    def wait(self) -> None:
        """Wait until the files are there, and raise what kept them from it."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()


def _host_copy(value: Any) -> Any:
    if not isinstance(value, Tensor):
        return value
    if value.device.type == "cpu":
        return value.detach().clone()
    # Into pinned memory, which PyTorch takes for it: the copy is on its way, behind what is computed now.
    return value.detach().to("cpu", non_blocking=True)
