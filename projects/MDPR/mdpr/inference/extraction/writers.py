"""Rows and their features as one file, written block by block: npz, npy with JSON beside it, Parquet."""

import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from mdpr.errors import InputError
from mdpr.files import write_atomically
from mdpr.inference.extraction.row import Row
from mdpr.inference.extras import optional

Arrays = Mapping[str, NDArray[Any]]
Blocks = Iterator[NDArray[np.float32]]
# (path, features in blocks, their shape (N, D), arrays of N rows, arrays of the whole)
Writer = Callable[[Path, Blocks, tuple[int, int], Arrays, Arrays], None]


def writer_for(path: Path) -> Writer:
    """The function that writes such a file, whole or not at all.

    Raises:
        InputError: an unknown suffix, or a package is missing.
    """
    writers: dict[str, Writer] = {".npz": _write_npz, ".npy": _write_npy, ".parquet": _write_parquet}
    if path.suffix not in writers:
        raise InputError(f"{path} has the suffix {path.suffix!r}: expected one of {', '.join(writers)}")
    if path.suffix == ".parquet":
        optional("pyarrow.parquet", "parquet")
    return writers[path.suffix]


def columns_of(rows: Sequence[Row]) -> Arrays:
    """The rows as arrays (N,), by name.

    ``name``; ``frame``, ``track`` and ``box`` (N, 4) where a row has one; ``person`` and ``camera``, int64,
    where every row has one, numbered by ``person_name`` and ``camera_name`` where these are no whole
    numbers; ``is_query`` where every row is of query or gallery.
    """
    columns: dict[str, NDArray[Any]] = {"name": np.array([row.path for row in rows], np.str_)}
    if any(row.frame for row in rows):
        columns["frame"] = np.array([row.frame for row in rows], np.int64)
        columns["track"] = np.array([row.track for row in rows], np.int64)
    if any(row.box for row in rows):
        columns["box"] = np.array([row.box or [np.nan] * 4 for row in rows], np.float32)
    for name in ("person", "camera"):
        texts = np.array([getattr(row, name) for row in rows], np.str_)
        if np.all(texts != ""):
            try:
                columns[name] = texts.astype(np.int64)
            except ValueError:
                columns[name], columns[f"{name}_name"] = np.unique(texts, return_inverse=True)[1], texts
    if all(row.split in ("query", "gallery") for row in rows):
        columns["is_query"] = np.array([row.split == "query" for row in rows])
    return columns


def _write_npz(path: Path, features: Blocks, shape: tuple[int, int], columns: Arrays, facts: Arrays) -> None:
    with write_atomically(path, "wb") as file, zipfile.ZipFile(file, "w") as archive:
        with archive.open("features.npy", "w", force_zip64=True) as member:
            _write_blocks(member, features, shape)
        for name, array in {**columns, **facts}.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _write_npy(path: Path, features: Blocks, shape: tuple[int, int], columns: Arrays, facts: Arrays) -> None:
    with write_atomically(path.with_name(f"{path.name}.json")) as text:
        json.dump({name: array.tolist() for name, array in {**columns, **facts}.items()}, text)
    with write_atomically(path, "wb") as file:
        _write_blocks(file, features, shape)


def _write_blocks(file: IO[bytes], features: Blocks, shape: tuple[int, int]) -> None:
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    for block in features:
        file.write(block.tobytes())


def _write_parquet(
    path: Path, features: Blocks, shape: tuple[int, int], columns: Arrays, facts: Arrays
) -> None:
    arrow, parquet = optional("pyarrow", "parquet"), optional("pyarrow.parquet", "parquet")

    def column(values: NDArray[Any]) -> Any:
        flat = arrow.array(values.reshape(-1))
        return flat if values.ndim == 1 else arrow.FixedSizeListArray.from_arrays(flat, values.shape[1])

    def table(start: int, block: NDArray[np.float32]) -> Any:
        arrays = {name: values[start : start + len(block)] for name, values in columns.items()}
        return arrow.table({name: column(values) for name, values in {"features": block, **arrays}.items()})

    metadata = {name: json.dumps(fact.tolist()) for name, fact in facts.items()}
    schema = table(0, np.empty((0, shape[1]), np.float32)).schema.with_metadata(metadata)
    with write_atomically(path, "wb") as file, parquet.ParquetWriter(file, schema) as writer:
        start = 0
        for block in features:
            writer.write_table(table(start, block).cast(schema))
            start += len(block)
