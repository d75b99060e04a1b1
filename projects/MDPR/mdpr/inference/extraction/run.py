"""The extraction itself: rows to a journal, batch by batch, and the journal to one file."""

import hashlib
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from mdpr.errors import InputError
from mdpr.inference.embedder import Embedder, normalized
from mdpr.inference.extraction.journal import Journal
from mdpr.inference.extraction.reading import RowReader
from mdpr.inference.extraction.row import Row
from mdpr.inference.extraction.writers import columns_of, writer_for


class Extraction(NamedTuple):
    """How many features were written, and by name and reason what could not be read."""

    written: int
    failed: list[tuple[str, str]]


def extract(
    rows: Sequence[Row],
    out: str | Path,
    embedder: Embedder,
    *,
    normalize: bool = True,
    workers: int = 0,
    force: bool = False,
    restart: bool = False,
    progress: bool = False,
) -> Extraction:
    """Write the features of rows to a file; neither pixels nor features pile up in memory.

    What is done is kept in ``<out>.partial`` until the file is there. Where a call was killed, the same one
    goes on behind the last whole batch.

    Args:
        rows: what to read, as of `rows_of`.
        out: an .npz, .npy or .parquet file.
        embedder: its ``prepare`` runs in loader processes, its ``features`` here.
        normalize: bring features to length 1.
        workers: loader processes; 0 reads in this one.
        force: replace ``out``.
        restart: begin anew, whatever was done.
        progress: draw a bar on the error stream.

    Raises:
        InputError: there is nothing to read or none of it can be read, ``out`` is there already or of no
            known kind, or what was done was done with another model, other rows or options.
        OSError: a file cannot be written; the batches before are safe.
    """
    out = Path(out)
    write = writer_for(out)
    if out.exists() and not force:
        raise InputError(f"{out} is there already: --force replaces it, or choose another --out")
    if not rows:
        raise InputError("there is no image to extract features of")
    plan = {"model": embedder.fingerprint, "sources": _digest(rows), "options": {"normalize": normalize}}
    partial = out.with_name(f"{out.name}.partial")
    with closing(Journal(partial, plan, embedder.dimension, restart=restart)) as journal:
        batches = RowReader(rows, embedder.prepare).batches(journal.done, embedder.batch_size, workers)
        with tqdm(total=len(rows), initial=journal.done, unit="image", disable=not progress) as bar:
            for end, pixels, failed in batches:
                features = np.empty(0, np.float32) if pixels is None else embedder.features(pixels.float())
                bar.update(end - journal.done)
                journal.append(end, features, failed)
        result = Extraction(journal.count, [(rows[row].name, why) for row, why in journal.failed.items()])
        if journal.count:
            columns = columns_of([row for number, row in enumerate(rows) if number not in journal.failed])
            facts = {
                "fingerprint": np.array(embedder.fingerprint),
                "normalized": np.array(normalize),
                "failed": np.array([name for name, _ in result.failed], np.str_),
                "reason": np.array([why for _, why in result.failed], np.str_),
            }
            blocks = map(normalized, journal.blocks()) if normalize else journal.blocks()
            write(out, blocks, (journal.count, embedder.dimension), columns, facts)
        journal.remove()
    if not result.written:
        raise InputError(f"none of {len(rows)} images can be read, such as {': '.join(result.failed[0])}")
    return result


def _digest(rows: Sequence[Row]) -> str:
    digest = hashlib.sha256()
    for row in rows:  # without labels, which are written from what the present call says
        digest.update(repr((row.path, row.frame, row.box)).encode())
    return digest.hexdigest()
