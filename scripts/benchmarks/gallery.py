"""What a gallery costs beside bare faiss, and what its indexes find, by the number of images.

Features are drawn: a centre for each person (20 images), an offset for each of 8 cameras, and noise within
the person, of norms about 1, 0.5 and 0.9, with variances that fall as 1 / rank along 256 directions, as those
of a network's features do; of norm 1 in the end. Queries are new images of the same persons.

    python scripts/benchmarks/gallery.py --docs docs     # everything: figures, tables and plot in docs/
    python scripts/benchmarks/gallery.py --quick         # tries it out, in seconds
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import mdpr  # noqa: F401 -- before fastreid, which it mends

if __name__ == "__main__":  # run as a file, which puts its own folder on the path
    sys.path[0] = str(Path(__file__).resolve().parents[1])

# isort: split
import faiss
import numpy as np
from mdpr.inference.gallery import Answer, Gallery
from numpy.typing import NDArray

from benchmarks.gallery_tables import PAGE
from benchmarks.measuring import Case, Row, describe_machine, measure_all, seconds_per_call
from benchmarks.pages import Results, argument_parser, run

DIMENSION, QUERIES, TOP_K = 256, 100, 10
IMAGES, CAMERAS = 20, 8  # of each person; in all
ADDED, ROUNDS = 10_000, 9
KINDS = ("Flat", "IVF-Flat", "IVF-PQ", "HNSW")


def indexes(vectors: int) -> dict[str, tuple[str, str]]:
    """Of each kind, faiss's name and parameters for so many vectors."""
    cells = 512 if vectors > 10_000 else 128
    return {
        "Flat": ("Flat", ""),
        "IVF-Flat": (f"IVF{cells},Flat", "nprobe=16"),
        "IVF-PQ": (f"IVF{cells},PQ128x4fs", "nprobe=16"),
        "HNSW": ("HNSW16", "efSearch=64"),
    }


class Crops:
    """Features of images of ``vectors // 20`` persons; the same at every call."""

    def __init__(self, vectors: int) -> None:
        self._random = np.random.default_rng(0)
        variances = 1 / np.arange(1.0, DIMENSION + 1)
        rotation, _ = np.linalg.qr(self._random.standard_normal((DIMENSION, DIMENSION)))
        self._mixing = (np.sqrt(variances / variances.sum())[:, None] * rotation).astype(np.float32)
        self._persons = self._drawn(max(1, vectors // IMAGES), 1.0)
        self._cameras = self._drawn(CAMERAS, 0.5)

    def of(self, persons: NDArray[np.int64]) -> NDArray[np.float32]:
        """(N, D) one new image of each of N persons."""
        features = self._drawn(len(persons), 0.9)
        features += self._persons[persons]
        features += self._cameras[self._random.integers(0, CAMERAS, len(persons))]
        faiss.normalize_L2(features)
        return features

    def queries(self) -> NDArray[np.float32]:
        """(Q, D) images of persons here and there."""
        return self.of(np.linspace(0, len(self._persons) - 1, QUERIES).astype(np.int64))

    def _drawn(self, rows: int, norm: float) -> NDArray[np.float32]:
        drawn = self._random.standard_normal((rows, DIMENSION), dtype=np.float32)
        return norm * drawn @ self._mixing


def measure_index(vectors: int, kind: str) -> list[Row]:
    """One kind of index."""
    crops = Crops(vectors)
    factory, tuning = indexes(vectors)[kind]
    with tempfile.TemporaryDirectory(prefix="gallery_benchmark_") as folder:
        gallery = Gallery.create(Path(folder) / "gallery", dimension=DIMENSION)
        for start in range(0, vectors, 100_000):
            images = np.arange(start, min(vectors, start + 100_000))
            persons = images // IMAGES
            ids, named = list(map(str, images.tolist())), list(map(str, persons.tolist()))
            gallery.add(crops.of(persons), ids, person=named)
        queries = crops.queries()
        exact = _ids(gallery.query(queries, by="image", top_k=TOP_K))
        start_time = time.perf_counter()
        gallery.compact(index=factory, tuning=tuning)
        build_seconds = time.perf_counter() - start_time
        found = _ids(gallery.query(queries, by="image", top_k=TOP_K))
        shared = [len(one & other) / TOP_K for one, other in zip(found, exact, strict=True)]
        file = next(gallery.path.glob("index-*"), None)
        return [
            {
                "factory": f"{factory} {tuning}".strip(),
                "recall": statistics.mean(shared),
                "queries_per_second": QUERIES
                / seconds_per_call(lambda: gallery.query(queries, top_k=TOP_K), 2.0),
                "index_bytes": (file.stat().st_size if file else 0) / vectors,
                "build_seconds": build_seconds,
                "bare_ratio": _beside_faiss(gallery, queries) if kind == "Flat" else None,
            }
        ]


def _ids(answers: Sequence[Answer]) -> list[set[str]]:
    return [{match.id for match in answer.matches} for answer in answers]


def _beside_faiss(gallery: Gallery, queries: NDArray[np.float32]) -> float:
    """Time of a query over that of faiss's own flat index in memory."""
    index = faiss.IndexFlatIP(DIMENSION)
    index.add(np.fromfile(next(gallery.path.glob("features-*")), np.float32).reshape(-1, DIMENSION))
    works = (lambda: gallery.query(queries, top_k=TOP_K), lambda: index.search(queries, TOP_K))
    ours, theirs = _by_turns(works, 3)
    return ours / theirs


def measure_adding(dimension: int) -> list[Row]:
    """10,000 vectors added, and what a plain program does: faiss's add, and two files on the disk."""
    features = np.random.default_rng(0).standard_normal((ADDED, dimension), dtype=np.float32)
    faiss.normalize_L2(features)
    batches = iter(
        [[f"{batch}/camera1/{number:06d}.jpg" for number in range(ADDED)] for batch in range(2 * ROUNDS + 2)]
    )
    persons = [str(number // IMAGES) for number in range(ADDED)]
    with tempfile.TemporaryDirectory(prefix="gallery_benchmark_") as folder:
        gallery = Gallery.create(Path(folder) / "gallery", dimension=dimension)

        def bare() -> None:
            faiss.IndexFlatIP(dimension).add(features)
            _append(Path(folder) / "features", features)
            _append(Path(folder) / "ids", json.dumps([next(batches), persons]).encode())

        works = (lambda: gallery.add(features, next(batches), person=persons), bare)
        ours, theirs = _by_turns(works, ROUNDS)
    return [{"seconds": ours, "faiss_seconds": theirs}]


def _append(file: Path, content: Any) -> None:
    with file.open("ab") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _by_turns(works: Sequence[Callable[[], Any]], rounds: int) -> list[float]:
    """Median seconds of each, called by turns; the first round does not count."""
    seconds: list[list[float]] = [[] for _ in works]
    for _ in range(rounds + 1):
        for times, work in zip(seconds, works, strict=True):
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
    return [statistics.median(times[1:]) for times in seconds]


def cases(arguments: argparse.Namespace) -> Iterator[Case]:
    """What is measured, in order."""
    for dimension in (16,) if arguments.quick else arguments.dimensions:
        yield Case({"task": "add", "dimension": dimension}, measure_adding, (dimension,))
    for vectors in (300, 600) if arguments.quick else arguments.sizes:
        for kind in ("Flat", "HNSW") if arguments.quick else arguments.indexes:
            yield Case({"task": "search", "vectors": vectors, "index": kind}, measure_index, (vectors, kind))


def measure(arguments: argparse.Namespace) -> Results:
    """Machine, its load before and after, and what was measured."""
    before = os.getloadavg()[0]
    measured = measure_all(cases(arguments), quick=arguments.quick)
    load = f"{before:.1f} before, {os.getloadavg()[0]:.1f} after"
    machine = {**describe_machine(), "load": f"{load} (processes that wanted a core, over a minute)"}
    return {"machine": machine, "quick": arguments.quick, "measurements": measured}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argument_parser(__doc__, PAGE)
    parser.add_argument("--sizes", nargs="*", type=int, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--indexes", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument(
        "--dimensions", nargs="*", type=int, default=[256, 512, 4608], help="of what is added"
    )
    return run(PAGE, parser.parse_args(argv), measure)


if __name__ == "__main__":
    sys.exit(main())
