"""fast-reid's trainer and predictor load weights that match, or say why not.

fast-reid's own checkpointer loads what fits, be it nothing, with a line in the log: of the authors' files not
one tensor. It writes in place, and unpickles whatever a file holds.
"""

from typing import Any

import fastreid.engine.defaults
import fastreid.utils.checkpoint
from torch import Tensor

from mdpr.checkpoint.checkpointer import SafeCheckpointer


class FastReidCheckpointer(SafeCheckpointer):
    """`SafeCheckpointer` for fast-reid's users, who start from a network that knew other identities.

    Its classifiers are left out, with a line in the log; all else has to match.
    """

    def _load_model(self, checkpoint: dict[str, Any]) -> None:
        own = self.model.state_dict()
        weights: dict[str, Tensor] = {
            name.removeprefix("module."): tensor for name, tensor in checkpoint["model"].items()
        }
        others = [
            name
            for name in weights.keys() & own.keys()
            if own[name].dim() == weights[name].dim() == 2
            and own[name].shape[1] == weights[name].shape[1]
            and len(own[name]) not in (0, len(weights[name]))
        ]
        if others:
            self.logger.warning("%d classifiers are of other identities, and start anew", len(others))
        checkpoint["model"] = {**weights, **{name: own[name] for name in others}}
        super()._load_model(checkpoint)


def apply() -> None:
    """Put it in the place of fast-reid's."""
    for module in (fastreid.utils.checkpoint, fastreid.engine.defaults):
        module.Checkpointer = FastReidCheckpointer
