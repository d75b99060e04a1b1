"""Checks on features and distances that come into an evaluation: a wrong row is named, never scored."""

from typing import Final, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from mdpr.errors import EvaluationError

# (N, D) floating-point values, a row for each image.
FeatureRows: TypeAlias = torch.Tensor | NDArray[np.floating]

_ROWS_NAMED: Final = 5
_ROWS_PER_CHECK: Final = 4096


def as_feature_matrix(features: FeatureRows, name: str) -> NDArray[np.float32]:
    """Bring features to one form: (N, D) float32, contiguous, on the CPU, all finite.

    Args:
        features: (N, D) floating-point tensor (any device) or array.
        name: what the features are, for the messages ("query features").

    Returns:
        (N, D) float32 array; shares memory with the input where nothing had to change.

    Raises:
        TypeError: the values are not floating point.
        ValueError: not two-dimensional, no row, no column, or not finite (rows named, counted).
    """
    if isinstance(features, torch.Tensor):
        features = features.detach().cpu()
        features = (features.float() if features.is_floating_point() else features).numpy()
    array = np.asarray(features)
    if not np.issubdtype(array.dtype, np.floating):
        raise TypeError(f"{name}: floating-point values are needed, got dtype {array.dtype}")
    if array.ndim != 2:
        raise ValueError(f"{name}: shape (N, D) is needed, got {array.shape}")
    if array.shape[0] == 0:
        raise ValueError(f"{name}: empty, there is no row to evaluate (shape {array.shape})")
    if array.shape[1] == 0:
        raise ValueError(f"{name}: rows have no values (shape {array.shape})")
    array = np.ascontiguousarray(array, dtype=np.float32)
    check_finite_rows(array, name)
    return array


def check_finite_rows(matrix: NDArray[np.floating], name: str) -> None:
    """Raise EvaluationError when a row of ``matrix`` (N, M) holds NaN or infinity."""
    bad = [
        start + np.flatnonzero(~np.isfinite(matrix[start : start + _ROWS_PER_CHECK]).all(axis=1))
        for start in range(0, len(matrix), _ROWS_PER_CHECK)
    ]
    rows = np.concatenate(bad) if bad else np.empty(0, dtype=np.int64)
    if len(rows):
        raise EvaluationError(
            f"{name}: {len(rows)} of {len(matrix)} rows hold NaN or infinity "
            f"({name_rows(rows)}); check the model's outputs and its input images"
        )


def check_nonzero_rows(norms: torch.Tensor, name: str) -> None:
    """Raise EvaluationError when a norm in ``norms`` (N,) is zero: cosine has no meaning there."""
    rows = (norms == 0).nonzero()[:, 0].cpu().numpy()
    if len(rows):
        raise EvaluationError(
            f"{name}: {len(rows)} of {len(norms)} rows have zero norm ({name_rows(rows)}), "
            "for which cosine similarity is undefined; use the euclidean metric or check the model"
        )


def name_rows(rows: NDArray[np.integer]) -> str:
    """Name the first few of ``rows`` for a message: "rows 3, 8, 9, ..."."""
    shown = ", ".join(str(row) for row in rows[:_ROWS_NAMED])
    more = ", ..." if len(rows) > _ROWS_NAMED else ""
    return f"row{'s' if len(rows) > 1 else ''} {shown}{more}"
