"""A PCA behind a trained network: short embeddings of a model that was not trained for them.

D numbers of the model's feature x, d of the short one: ``((x / |x|) - mean) @ projection``. It is fitted on
features of training images, and travels in the model file, as the tensors ``compression.mean`` and
``compression.projection``.

Each number is divided by its standard deviation over these images to the power w: 0 leaves a PCA as it is,
1 whitens it wholly, which lets the many numbers that hardly vary, noise for the most part, weigh as much as
the first ones. 0.5 lies between, and did best where it was measured (docs/short_embeddings.md).
"""

from pathlib import Path
from typing import Final

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from torch import Tensor, nn
from torch.nn import functional as F

from mdpr.errors import InputError
from mdpr.evaluation.distances.checks import as_feature_matrix
from mdpr.evaluation.saved_files.archives import Layout, read_record
from mdpr.files import write_atomically
from mdpr.inference.model_file import fingerprint_of, read_model_file, write_model_file
from mdpr.inference.stored_form import normalized

PREFIX: Final = "compression."
WHITENING: Final = 0.5
_LEAST_VARIANCE = 1e-12  # of rows of length 1; below it is rounding, which whitening would blow up


class Compression(nn.Module):
    """Features to fewer numbers, the first of which matter most.

    Args:
        mean: (D,), of normalised features.
        projection: (D, d).
    """

    mean: Tensor
    projection: Tensor

    def __init__(self, mean: Tensor, projection: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean.float())
        self.register_buffer("projection", projection.float().contiguous())

    def forward(self, features: Tensor) -> Tensor:
        """(B, D) of any length to (B, d), un-normalised."""
        with torch.autocast(device_type=features.device.type, enabled=False):
            return (F.normalize(features.float()) - self.mean) @ self.projection


def fit(features: NDArray[np.float32], dimensions: int, whitening: float = WHITENING) -> Compression:
    """Fit a PCA.

    Args:
        features: (N, D) of N training images, of any length.
        dimensions: d, less than N and no more than D.
        whitening: w, in 0..1.

    Raises:
        InputError: another number of dimensions, or more than the features vary in; another whitening.
    """
    images, width = features.shape
    most = min(images - 1, width)
    if not 1 <= dimensions <= most:
        raise InputError(
            f"{dimensions} dimensions of {images} features of {width} numbers: expected 1 to {most}"
        )
    if not 0 <= whitening <= 1:
        raise InputError(f"whitening is {whitening!r}: expected 0, for none, to 1")
    pca = PCA(dimensions, random_state=0).fit(normalized(features))
    variances = pca.explained_variance_
    if (varied := int((variances > _LEAST_VARIANCE).sum())) < dimensions:
        raise InputError(f"the features vary in {varied} dimensions only: expected no more than {varied}")
    projection = pca.components_.T / np.sqrt(variances) ** whitening
    return Compression(torch.from_numpy(pca.mean_), torch.from_numpy(projection))


def take_from(weights: dict[str, Tensor]) -> Compression | None:
    """The compression among the tensors of a file, from which it is taken out; None where there is none."""
    found = {name: weights.pop(name) for name in list(weights) if name.startswith(PREFIX)}
    return Compression(*(found[f"{PREFIX}{name}"] for name in ("mean", "projection"))) if found else None


def read_features(file: str | Path) -> NDArray[np.float32]:
    """The array ``features`` (N, D) of an ``.npz`` file.

    Raises:
        FileNotFoundError: there is no such file.
        TypeError, ValueError: not such a file, or features that cannot be used.
    """
    layout: Layout = {"features": (np.floating, "ND")}
    return read_record(file, lambda features: as_feature_matrix(features, "array 'features'"), layout)


def compress(
    features: str | Path,
    dimensions: int,
    target: str | Path,
    *,
    model: str | Path | None = None,
    stored_as: str = "float32",
    whitening: float = WHITENING,
    overwrite: bool = False,
) -> None:
    """Fit a compression on features of training images, and write the model file that has it.

    Scores and calibration, which were those of the whole feature, are left out of it.

    Args:
        features: an ``.npz`` file with ``features`` (N, D).
        dimensions: d, numbers that are left.
        target: the file to write, in one step.
        model: the model file of the network that made the features; None writes the compression alone.
        stored_as: what embeddings of the model are to be kept as; see `mdpr.inference.stored_form`.
        whitening: as in `fit`.
        overwrite: replace a target that is there.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: a target that is there, a model that has a compression, or features of another width.
        CheckpointError, TypeError, ValueError: a file that cannot be used.
    """
    if Path(target).exists() and not overwrite:
        raise InputError(f"{target} exists: choose another name with --out, or replace it with --force")
    rows = read_features(features)
    if model is None:
        content = safetensors.torch.save(_tensors(rows, dimensions, whitening))
        with write_atomically(target, "wb") as file:
            file.write(content)
        return
    source = read_model_file(model)
    metadata, weights = source.metadata, source.weights()
    if PREFIX + "mean" in weights:
        raise InputError(f"{model} is compressed already: compress the file that `mdpr pack` wrote")
    if rows.shape[1] != metadata["dimension"]:
        raise InputError(
            f"{features} has features of {rows.shape[1]} numbers, and {model} makes {metadata['dimension']}: "
            "expected features of its training images"
        )
    weights |= _tensors(rows, dimensions, whitening)
    fitted_on = {"file": Path(features).name, "images": len(rows)}
    changes = {
        "layout": [{"name": "compressed", "start": 0, "stop": dimensions}],
        "dimension": dimensions,
        "compression": {
            "kind": "PCA",
            "whitening": whitening,
            "fitted_on": fitted_on,
            "stored_as": stored_as,
        },
        "metrics": {},
        "calibration": None,
        "fingerprint": fingerprint_of(weights, metadata["preprocessing"]),
    }
    write_model_file(target, weights, {**metadata, **changes})


def _tensors(features: NDArray[np.float32], dimensions: int, whitening: float) -> dict[str, Tensor]:
    return dict(fit(features, dimensions, whitening).state_dict(prefix=PREFIX))
