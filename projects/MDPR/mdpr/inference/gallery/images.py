"""Features and thumbnails of images."""

import io
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from mdpr.errors import GalleryError
from mdpr.evaluation.distances.checks import as_feature_matrix, check_nonzero_rows
from mdpr.inference.images import is_one_image, rgb_image

if TYPE_CHECKING:
    from mdpr.inference.embedder import Embedder  # features need no network

_SIZE: Final = (96, 192)  # width and height that a thumbnail fits into, pixels


def is_features(source: Any) -> bool:
    """Whether these are features, (N, D) floating point, and not images."""
    return getattr(source, "ndim", 0) == 2 and "float" in str(source.dtype)


def unit_features(features: Any, dimension: int, gallery: object) -> NDArray[np.float32]:
    """Features (N, D) for a gallery of a dimension, brought to norm 1; as they are where they have it.

    Raises:
        GalleryError: of another dimension.
        EvaluationError: not finite, or of norm 0.
    """
    if features.shape[1] != dimension:
        raise GalleryError(f"{gallery} has features of dimension {dimension}, these have {features.shape[1]}")
    matrix = np.ascontiguousarray(features, np.float32)
    squared = np.einsum("nd,nd->n", matrix, matrix)
    if np.all(np.abs(squared - 1) < 1e-5):
        return matrix
    as_feature_matrix(matrix, "features")
    check_nonzero_rows(torch.from_numpy(squared), "features")
    return matrix / np.sqrt(squared)[:, None]


def embed(embedder: "Embedder", images: Iterable[Any]) -> tuple[NDArray[np.float32], list[bytes]]:
    """Features (N, D) and thumbnails, as JPEG, of images, each of which is read once."""
    features, thumbnails = [np.empty((0, embedder.dimension), np.float32)], list[bytes]()
    pictures = map(rgb_image, [images] if is_one_image(images) else images)
    while batch := list(islice(pictures, embedder.batch_size)):
        features.append(embedder(batch))
        thumbnails += map(thumbnail, batch)
    return np.concatenate(features), thumbnails


def thumbnail(picture: Image.Image) -> bytes:
    """A small JPEG of an RGB picture."""
    small, stream = picture.copy(), io.BytesIO()
    small.thumbnail(_SIZE)
    small.save(stream, "JPEG", quality=85)
    return stream.getvalue()
