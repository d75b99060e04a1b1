"""What the similarity of two images is made of.

With features a and b, and a_k and b_k their slices that come from head k of the network:

    cos(a, b) = sum_k  <a_k, b_k> / (|a| |b|) = sum_k  weight_k * cos(a_k, b_k)
    weight_k = |a_k| |b_k| / (|a| |b|)
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mdpr.errors import InputError
from mdpr.inference.embedder import Embedder


@dataclass(frozen=True)
class Share:
    """One slice's part in a similarity.

    Attributes:
        name: of the slice's head.
        cosine: of the slice alone, in -1..1.
        weight: what the slice would add if its cosine were 1; over all slices 1 at most.
        share: what it adds, weight times cosine.
    """

    name: str
    cosine: float
    weight: float
    share: float


def shares_of(first: NDArray[Any], second: NDArray[Any], layout: Iterable[Mapping[str, Any]]) -> list[Share]:
    """Take a cosine similarity apart.

    Args:
        first: (D,), of any length.
        second: (D,).
        layout: of the feature, as in a model file: ``name``, ``start`` and ``stop`` of every slice.

    Returns:
        One for every slice; they sum to the cosine, to the rounding of float64.
    """
    one, two = (feature.astype(np.float64) for feature in (first, second))
    whole, shares = float(np.linalg.norm(one) * np.linalg.norm(two)), []
    for entry in layout:
        a, b = (feature[entry["start"] : entry["stop"]] for feature in (one, two))
        product, lengths = float(a @ b), float(np.linalg.norm(a) * np.linalg.norm(b))
        cosine = product / lengths if lengths else 0.0
        shares.append(Share(entry["name"], cosine, lengths / whole, product / whole))
    return shares


def match_of(embedder: Embedder, first: Any, second: Any) -> list[Share]:
    """Take the similarity of two images, each as an embedder takes it, apart.

    Raises:
        InputError: the embedder is not of a model file, or an image cannot be used.
        ImageReadError: a file that cannot be read.
    """
    if embedder.file is None:
        raise InputError("what a feature is made of is in a model file, as `mdpr pack` writes it of a run")
    one, two = embedder([first, second], normalize=False)
    return shares_of(one, two, embedder.file.metadata["layout"])
