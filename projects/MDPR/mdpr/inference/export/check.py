"""Whether an exported file computes what the model does, seen on real crops."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from fastreid.data.datasets.bases import ImageDataset
from numpy.typing import NDArray

from mdpr.errors import ExportError
from mdpr.evaluation.ranking.labels import RetrievalLabels
from mdpr.evaluation.ranking.ranking import rank_features
from mdpr.inference.embedder import Embedder

BATCHES: Final = (1, 8, 7)
"""Sizes of the batches that are compared: together `NUM_CROPS` crops."""
NUM_CROPS: Final = sum(BATCHES)


@dataclass(frozen=True)
class Tolerance:
    """The largest difference of a number of an embedding of length 1; the smallest cosine; mAP points."""

    error: float
    cosine: float
    mean_ap: float


TOLERANCES: Final = {
    "fp32": Tolerance(1e-4, 0.9999, 0.1),
    "fp16": Tolerance(5e-3, 0.999, 0.5),
    "bf16": Tolerance(2e-2, 0.995, 0.5),
    "int8": Tolerance(1.0, 0.95, 1.0),
}
"""By precision. INT8 is judged by direction and by mAP."""


@dataclass(frozen=True)
class Agreement:
    """How near an exported file comes to the model.

    Attributes:
        error: the largest difference of a number of two embeddings of length 1.
        cosine: the smallest, of the two embeddings of a crop.
        mean_ap: of the model and of the file, in percent, where a labelled set was given.
    """

    error: float
    cosine: float
    mean_ap: tuple[float, float] | None = None

    def __str__(self) -> str:
        text = f"largest difference {self.error:.1e}, smallest cosine {self.cosine:.6f}"
        if self.mean_ap is not None:
            text += f", mAP {self.mean_ap[0]:.2f} of the model and {self.mean_ap[1]:.2f} of the file"
        return text

    def require(self, precision: str) -> None:
        """
        Raises:
            ExportError: it is not near enough for a precision.
        """
        allowed = TOLERANCES[precision]
        near = self.error <= allowed.error and self.cosine >= allowed.cosine
        if self.mean_ap is not None:
            near = near and self.mean_ap[0] - self.mean_ap[1] < allowed.mean_ap
        if not near:  # also where anything is NaN
            raise ExportError(
                f"the exported file does not compute what the model does: {self}; {precision} is allowed a "
                f"difference of {allowed.error:g}, a cosine of {allowed.cosine:g} and less than "
                f"{allowed.mean_ap:g} mAP. Nothing is written; choose another precision or format"
            )


def compare(
    reference: Embedder, exported: Embedder, crops: Sequence[Any], labelled: ImageDataset | None
) -> Agreement:
    """Compare embeddings in batches of each of `BATCHES`.

    Args:
        reference: of the model.
        exported: of the file.
        crops: images, repeated where they are fewer than `NUM_CROPS`.
        labelled: a data set of which the mAP is taken too.

    Raises:
        ExportError: the file does not run.
    """
    batches = np.split(np.resize(np.arange(len(crops)), NUM_CROPS), np.cumsum(BATCHES)[:-1])
    expected = np.concatenate([reference([crops[i] for i in batch]) for batch in batches])
    found = np.concatenate([_embeddings(exported, [crops[i] for i in batch]) for batch in batches])
    scores = None
    if labelled is not None:
        scores = (mean_average_precision(reference, labelled), mean_average_precision(exported, labelled))
    return Agreement(
        float(np.abs(expected - found).max()), float((expected * found).sum(axis=1).min()), scores
    )


def _embeddings(exported: Embedder, crops: Sequence[Any]) -> NDArray[np.float32]:
    try:
        return exported(crops)
    except Exception as error:  # each runtime has errors of its own
        raise ExportError(
            f"the exported file does not run on {len(crops)} images at a time: {error}. Nothing is written; "
            f"choose another precision or format"
        ) from error


def mean_average_precision(embedder: Embedder, dataset: ImageDataset) -> float:
    """The mAP of a data set's query and gallery, in percent."""
    features, labels = [], []
    for items in (dataset.query, dataset.gallery):
        paths, people, cameras = zip(*items, strict=True)
        features.append(embedder(paths))
        labels += [np.array(people), np.array(cameras)]
    query, gallery = features
    return 100 * rank_features(query, gallery, RetrievalLabels(*labels)).mean_average_precision
