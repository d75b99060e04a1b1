"""This project's parts under fast-reid's own names, so that its trainer and architectures run them.

As in `mdpr.compat`, each module has an ``apply()`` that changes nothing where there is nothing to change;
unlike there, what it puts in place stands on other parts of this project.
"""

from mdpr.plugs import (
    checkpointer,
    cuhk03_protocol,
    data_loaders,
    default_trainer,
    evaluator,
    loss_precision,
    pixel_normalization,
    pretrained_backbone,
    sync_batch_norm,
)

__all__ = ["install"]


def install() -> None:
    """Put them in place. Calling it again changes nothing."""
    for part in (
        checkpointer,
        cuhk03_protocol,
        data_loaders,
        default_trainer,
        evaluator,
        loss_precision,
        pixel_normalization,
        pretrained_backbone,
        sync_batch_norm,
    ):
        part.apply()
