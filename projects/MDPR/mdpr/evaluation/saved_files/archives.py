"""Files of named arrays (``.npz``): written in one step, and checked against a layout when read."""

import zipfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from mdpr.files import write_atomically

_Record = TypeVar("_Record")

# Name of an array: dtype, and a letter for the length of each dimension.
Layout: TypeAlias = Mapping[str, tuple[type[np.generic], str]]


def write_record(file: str | Path, record: object, layout: Layout) -> Path:
    """Write those fields of ``record`` that the layout names; a reader sees the whole file or the one before.

    Raises:
        OSError: the folder cannot be written to.
    """
    arrays = {name: getattr(record, name) for name in layout}
    with write_atomically(file, "wb") as stream:
        np.savez(stream, **arrays)
    return Path(file)


def read_record(
    file: str | Path, record_type: Callable[..., _Record], layout: Layout, *, optional: Collection[str] = ()
) -> _Record:
    """Make a record of the arrays of a layout; others in the file are left alone, and no code in it is run.

    Those that are ``optional`` may be missing, and are not handed over then.

    Raises:
        FileNotFoundError: there is no such file.
        TypeError: an array of another dtype.
        ValueError: not an ``.npz`` file, an array that is missing or cannot be read, or what the record
            refuses. The message names the file and the array.
    """
    arrays = _read_arrays(Path(file), layout, optional)
    try:
        return record_type(**arrays)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{file}: {error}") from error


def _read_arrays(file: Path, layout: Layout, optional: Collection[str]) -> dict[str, NDArray[Any]]:
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file")
    try:
        archive = np.load(file, allow_pickle=False)
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{file}: not a readable .npz file ({error})") from error
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise ValueError(f"{file}: one bare array, but an .npz file with several is needed")  # noqa: TRY004
    with archive:
        missing = [name for name in layout if name not in (*archive.files, *optional)]
        if missing:
            raise ValueError(
                f"{file}: no array {', '.join(map(repr, missing))}; the file has "
                f"{', '.join(map(repr, archive.files)) or 'none'}"
            )
        return {name: _read_array(archive, name, file) for name in layout if name in archive.files}


def _read_array(archive: np.lib.npyio.NpzFile, name: str, file: Path) -> NDArray[Any]:
    try:
        return archive[name]
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{file}: array '{name}': cannot be read ({error})") from error


def check_layout(arrays: Mapping[str, NDArray[Any]], layout: Layout) -> None:
    """Check dtypes and shapes.

    Raises:
        TypeError: an array of another dtype.
        ValueError: an array of another number of dimensions, or of a length that differs from that of
            the first array with the same letter.
    """
    lengths: dict[str, tuple[int, str]] = {}
    for name, (dtype, letters) in layout.items():
        array = arrays[name]
        if not np.issubdtype(array.dtype, dtype):
            needed = np.dtype(dtype).name.rstrip("0") if dtype is np.str_ else np.dtype(dtype)
            raise TypeError(f"array '{name}': dtype {needed} is needed, got {array.dtype}")
        if array.ndim != len(letters):
            shape = f"({', '.join(letters)}{',' if len(letters) == 1 else ''})"
            raise ValueError(f"array '{name}': shape {shape} is needed, got {array.shape}")
        for letter, length in zip(letters, array.shape, strict=True):
            known, first = lengths.setdefault(letter, (length, name))
            if length != known:
                raise ValueError(f"array '{name}': {length} entries for {known} rows of '{first}' ({letter})")
