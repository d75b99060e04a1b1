"""Weights & Biases. Its own variables say where to: ``WANDB_MODE``, ``WANDB_PROJECT``, ..."""

import os
import uuid
from collections.abc import Mapping
from typing import Any

from fastreid.config import CfgNode

from mdpr.engine.config_file import leaves
from mdpr.engine.loggers.base import LOGGER_REGISTRY, RunLogger, run_name


@LOGGER_REGISTRY.register()
class WandbLogger(RunLogger):
    """A run of Weights & Biases, its files in ``OUTPUT_DIR/wandb``."""

    requires = ("wandb", "mdpr[wandb]")

    def __init__(self, cfg: CfgNode, run_id: str | None) -> None:
        import wandb  # noqa: PLC0415 (an extra)

        self.run_id = run_id or uuid.uuid4().hex
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "mdpr"),
            name=run_name(cfg),
            id=self.run_id,
            resume="allow",
            dir=cfg.OUTPUT_DIR,
            config=dict(leaves(cfg)),
            allow_val_change=True,  # a resumed run may be longer
            settings=wandb.Settings(console="off"),  # the output stays the run's own
        )

    def log(self, step: int, scalars: Mapping[str, float]) -> None:
        """Take the scalars of a step; what a resumed run does again is there already."""
        if step >= self._run.starting_step:
            self._run.log(dict(scalars), step=step)

    def finish(self, results: Mapping[str, Any], succeeded: bool) -> None:
        """Put the results into the summary."""
        self._run.summary.update({"results": dict(results)})
        self._run.finish(exit_code=0 if succeeded else 1)
