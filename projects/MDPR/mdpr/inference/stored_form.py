"""What an embedding is kept as: a direction, in 4, 2 or 1 byte a number, or in one bit.

- float32, float16: the numbers, rows of length 1.
- int8: (N, d) in -127..127, symmetric: a row is divided by its largest magnitude and multiplied by 127. What
  it was divided by is not kept, as directions are all that is compared.
- binary: (N, ceil(d / 8)) uint8, one bit a number: 1 where it is above 0, the first number in the highest
  bit, zeros behind the last. The cosine of two decoded rows is 1 - 2 h / d, with h the bits that differ
  (Hamming).
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mdpr.errors import InputError, did_you_mean

FORMS: Final = ("float32", "float16", "int8", "binary")
_MOST = 127
_SMALLEST_NORM = 1e-12


def encode(embeddings: NDArray[np.float32], form: str) -> NDArray[Any]:
    """Embeddings as they are kept.

    Args:
        embeddings: (N, d), of any length.
        form: one of `FORMS`.

    Returns:
        An array of N rows; see the module.

    Raises:
        InputError: there is no such form.
    """
    if form == "int8":
        largest = np.abs(embeddings).max(axis=1, keepdims=True, initial=0)
        return np.rint(embeddings * (_MOST / np.maximum(largest, _SMALLEST_NORM))).astype(np.int8)
    if form == "binary":
        return np.packbits(embeddings > 0, axis=1)
    return normalized(embeddings).astype(_float_type(form))


def decode(codes: NDArray[Any], form: str, dimensions: int) -> NDArray[np.float32]:
    """What `encode` made, as embeddings.

    Args:
        codes: of N embeddings.
        form: one of `FORMS`.
        dimensions: d, which bits alone do not tell.

    Returns:
        (N, d) float32, rows of length 1.

    Raises:
        InputError: there is no such form.
    """
    if form == "binary":
        signs = np.unpackbits(codes, axis=1, count=dimensions).astype(np.float32) * 2 - 1
        return signs / np.float32(np.sqrt(dimensions))
    if form != "int8":
        _float_type(form)
    return normalized(codes.astype(np.float32))


def bytes_of(form: str, dimensions: int) -> int:
    """Bytes that one embedding takes."""
    return encode(np.zeros((1, dimensions), np.float32), form).nbytes


def normalized(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of (N, D) with length 1."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.maximum(lengths, _SMALLEST_NORM)


def _float_type(form: str) -> type[np.floating[Any]]:
    if form not in FORMS:
        raise InputError(f"form is {form!r}: expected one of {', '.join(FORMS)}{did_you_mean(form, FORMS)}")
    return np.float16 if form == "float16" else np.float32
