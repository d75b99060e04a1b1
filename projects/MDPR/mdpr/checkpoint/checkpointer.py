"""Checkpoints of a run: whole or not there, and honest about what was loaded."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastreid.utils.checkpoint import Checkpointer
from torch import Tensor, nn

from mdpr.checkpoint.background import BackgroundWriter
from mdpr.checkpoint.implied_config import implied_overrides, is_mdpr
from mdpr.checkpoint.official import convert_official_state_dict, is_official
from mdpr.checkpoint.reading import first_names, read_checkpoint, state_dict_of
from mdpr.errors import CheckpointError
from mdpr.files import write_atomically

LAST = "last_checkpoint"  # fast-reid's file with the name of the newest checkpoint


class SafeCheckpointer(Checkpointer):
    """fast-reid's checkpointer, with safe reading, atomic writing, and no silent mismatch.

    It also takes files of the authors' release, SafeTensors files and bare state dicts.

    Args:
        model: the model, or a distributed wrapper of it.
        save_dir: folder of the run.
        save_to_disk: whether this process writes.
        background: whether a thread writes, from a copy; see `BackgroundWriter`.
        prefer_averaged: whether loading weights alone, without a run's further states, takes the
            averaged ones of a file that has them (``SOLVER.EMA``).
        checkpointables: objects with ``state_dict`` and ``load_state_dict``, by name.
    """

    def __init__(
        self,
        model: nn.Module,
        save_dir: str = "",
        *,
        save_to_disk: bool = True,
        background: bool = False,
        prefer_averaged: bool = True,
        **checkpointables: Any,
    ) -> None:
        self._prefer_averaged = prefer_averaged
        self._only_weights = False
        self._background = BackgroundWriter() if background else None
        super().__init__(model, save_dir, save_to_disk=save_to_disk, **checkpointables)

    def save(
        self, name: str, *, tag: bool = True, then: Callable[[], None] = lambda: None, **kwargs: Any
    ) -> None:
        """Write ``<save_dir>/<name>.pth`` and then point ``last_checkpoint`` to it.

        The file holds a checksum of each of its parts, which reading verifies.

        Args:
            name: file name without suffix.
            tag: whether ``last_checkpoint`` is to name it.
            then: called when all of this is on the disk.
            kwargs: further plain values to store, such as ``epoch``.

        Raises:
            CheckpointError: the disk is full, or cannot be written to. What was there before stays. Of a
                write in the background, the next `save` or `wait` raises it.
        """
        if not self.save_dir or not self.save_to_disk:
            return
        content = {"model": self.model.state_dict()}
        content |= {key: part.state_dict() for key, part in self.checkpointables.items()}
        for key, value in kwargs.items():
            # NumPy numbers as Python's, which any reader may unpickle.
            content[key] = value.item() if isinstance(value, np.generic) else value
        path = Path(self.save_dir) / f"{name}.pth"
        self.logger.info("Saving checkpoint to %s", path)

        def write(content: dict[str, Any]) -> None:
            try:
                with write_atomically(path, "wb") as file:
                    torch.save(content, file)
                if tag:
                    self.tag_last_checkpoint(path.name)
            except (OSError, RuntimeError) as error:
                # torch.save puts an error of its own in the place of the one that stopped a write.
                cause = error if isinstance(error, OSError) else error.__context__
                if not isinstance(cause, OSError):
                    raise
                raise CheckpointError(_not_written(path, cause)) from error
            then()

        if self._background is None:
            write(content)
        else:
            self._background.start(write, content)

    def wait(self) -> None:
        """Wait until what was saved is on the disk.

        Raises:
            CheckpointError: as `save`.
        """
        if self._background is not None:
            self._background.wait()

    def tag_last_checkpoint(self, last_filename_basename: str) -> None:
        """Make a file of ``save_dir`` the one to resume from."""
        with write_atomically(Path(self.save_dir) / LAST) as file:
            file.write(last_filename_basename)

    def load(self, path: str, checkpointables: list[str] | None = None) -> Any:
        """Load weights, and the named states beside them, from a file.

        Args:
            path: a checkpoint of a run, a file of the authors' release, SafeTensors, or a bare state
                dict; empty loads nothing.
            checkpointables: names of states to load; None means all there are.

        Returns:
            What else the file holds, such as ``epoch``.

        Raises:
            CheckpointError: the file is not there, cannot be read, or is not of this model.
        """
        if path and not Path(path).exists():
            raise CheckpointError(f"no checkpoint at {path} (MODEL.WEIGHTS or last_checkpoint)")
        self._only_weights = not (self.checkpointables if checkpointables is None else checkpointables)
        return super().load(path, checkpointables)

    def restore(self, path: Path, content: dict[str, Any]) -> dict[str, Any]:
        """Load weights and all states of a run's checkpoint that has been read.

        Args:
            path: where it was read from, for the log.
            content: what `read_checkpoint` returned.

        Returns:
            What else it holds.

        Raises:
            CheckpointError: it is not of this model.
        """
        self.logger.info("Resuming from %s", path)
        self._load_model(content)
        for key, part in self.checkpointables.items():
            if key in content:
                part.load_state_dict(content.pop(key))
            else:
                self.logger.warning("%s holds no state of %s: it starts anew", path.name, key)
        return content

    def _load_file(self, f: str) -> dict[str, Any]:
        content = read_checkpoint(f)
        prefer_averaged = self._prefer_averaged and self._only_weights
        weights = state_dict_of(content, f, prefer_averaged=prefer_averaged)
        if is_official(weights):
            self.logger.info("%s holds weights of the authors' release: names converted", f)
            return {"model": convert_official_state_dict(weights)}
        others = content if "model" in content else {}
        return {**others, "model": weights}

    def _load_model(self, checkpoint: dict[str, Any]) -> None:
        """Load ``checkpoint["model"]``; everything but unused classifiers has to match.

        Returns None, which tells fast-reid that nothing is left to report.
        """
        weights: dict[str, Tensor] = {
            name.removeprefix("module."): tensor for name, tensor in checkpoint.pop("model").items()
        }
        own = self.model.state_dict()
        # A model built without a number of identities, for evaluation, has no use for classifiers.
        unused = {name for name, tensor in own.items() if tensor.dim() > 1 and tensor.shape[0] == 0}
        expected = set(own) - unused
        problems = {
            "missing in the file": sorted(expected - set(weights)),
            "unknown to the model": sorted(set(weights) - set(own)),
            "of another shape": [
                f"{name} {tuple(weights[name].shape)} in the file, {tuple(own[name].shape)} in the model"
                for name in sorted(expected & set(weights))
                if own[name].shape != weights[name].shape
            ],
        }
        if any(problems.values()):
            raise CheckpointError(_mismatch(problems, own, weights))
        self.model.load_state_dict({name: weights[name] for name in expected}, strict=False)
        if unused:
            self.logger.info("%d classifiers left out: evaluation does not use them", len(unused))


def _mismatch(
    problems: Mapping[str, list[str]], own: Mapping[str, Tensor], weights: Mapping[str, Tensor]
) -> str:
    parts = [f"{len(names)} {label} ({first_names(names)})" for label, names in problems.items() if names]
    detail = f"of its {len(own)} tensors " + "; ".join(parts)
    if not (is_mdpr(own) and is_mdpr(weights)):
        return f"the weights are not of this model: {detail}"
    in_config, in_file = implied_overrides(own), implied_overrides(weights)
    differences = [
        f"{key} is {in_config.get(key)} in the config and {in_file.get(key)} in the weights"
        for key in sorted({*in_config, *in_file})
        if in_config.get(key) != in_file.get(key)
    ]
    return f"the weights are not of this model: {'; '.join(differences) or 'other tensors'} ({detail})"


def _not_written(path: Path, error: OSError) -> str:
    free = shutil.disk_usage(path.parent).free
    return (
        f"{path} could not be written ({error.strerror or error}; {free / 2**20:,.0f} MiB are free): the "
        "checkpoints before it are as they were; make room and go on with --resume"
    )
