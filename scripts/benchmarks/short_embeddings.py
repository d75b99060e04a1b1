"""mAP by bytes a crop: the whole feature, its trained short form and its PCA, in four forms of numbers.

python scripts/benchmarks/short_embeddings_run.py --device cuda --output FOLDER
python scripts/benchmarks/short_embeddings.py --features FOLDER --docs docs
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import mdpr  # noqa: F401 - before fast-reid
import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from mdpr.evaluation import SavedFeatures, load_features, score_saved_features
from mdpr.inference.compression import fit, read_features
from mdpr.inference.stored_form import FORMS, bytes_of, decode, encode
from numpy.typing import NDArray

from benchmarks.measuring import describe_machine
from benchmarks.pages import Page, Results, argument_parser, run, table

WHOLE, NESTED = "whole feature", "trained"
FITTED = {0.5: "PCA", 0.0: "PCA, not whitened", 1.0: "PCA, whitened wholly"}
GOALS = ((256, "float32"), (128, "int8"))  # lengths and forms that are compared with the whole feature
Short = tuple[str, NDArray[np.float32]]


def short_forms(
    test: SavedFeatures, train: NDArray[np.float32], nested: SavedFeatures, dims: Sequence[int]
) -> Iterator[Short]:
    """What a crop can be described by, by name; (N, d) each."""
    yield WHOLE, test.features
    for length in dims:
        yield NESTED, nested.features[:, :length]
    for whitening, name in FITTED.items():
        features = fit(train, max(dims), whitening)(torch.from_numpy(test.features)).numpy()
        for length in dims:
            yield name, features[:, :length]


def measure(options: argparse.Namespace) -> Results:
    folder = options.features
    about = json.loads((folder / "run.json").read_text())
    test, nested = (load_features(folder / f"test_{name}.npz") for name in ("whole", "nested"))
    train = read_features(folder / "train_whole.npz")
    rows = []
    for name, features in short_forms(test, train, nested, about["nested_dims"]):
        numbers = features.shape[1]
        for form in FORMS:
            stored = decode(encode(features, form), form, numbers)
            scores = score_saved_features(replace(test, features=stored))
            size = bytes_of(form, numbers)
            rows.append({"feature": name, "numbers": numbers, "form": form, "bytes": size, **scores})
    images = {"train": len(train), "query": int(test.is_query.sum()), "gallery": int((~test.is_query).sum())}
    return {
        "quick": about["quick"],
        "machine": describe_machine() | {"trained on": about["device"]},
        "images": images,
        "rows": rows,
    }


def sections(results: Results, picture: str) -> list[str]:
    rows, images = results["rows"], results["images"]
    lines: dict[tuple[str, int], list[str]] = {}
    for row in rows:
        cells = lines.setdefault((row["feature"], row["numbers"]), [])
        cells.append(f"{row['mAP']:.2f} ({row['bytes']:,})")
    laid_out = [[feature, f"{numbers}", *cells] for (feature, numbers), cells in lines.items()]
    return [
        f"{images['query']} queries, {images['gallery']} gallery images, the PCA fitted on {images['train']} "
        "training images of other persons. mAP in percent, and bytes a crop in brackets:",
        table(laid_out, ("feature", "numbers", *FORMS)),
        f"![mAP by bytes a crop]({picture})",
        *filter(None, (_against_whole(rows, numbers, form) for numbers, form in GOALS)),
    ]


def _against_whole(rows: Sequence[Results], numbers: int, form: str) -> str:
    differences = [
        f"{row['feature']} {row['mAP'] - rows[0]['mAP']:+.2f}"
        for row in rows
        if (row["numbers"], row["form"]) == (numbers, form) and row["feature"] != WHOLE
    ]
    size = f"{numbers} numbers in {form}, {bytes_of(form, numbers):,} bytes"
    return f"{size}, against the whole feature: {', '.join(differences)} mAP." if differences else ""


class CurvePage(Page):
    """A page whose picture is a curve of scores."""

    @property
    def picture(self) -> str:
        return f"{self.name}_curve.png"

    def write(self, results: Results, folder: Path) -> None:
        plot(results["rows"], folder / self.picture)
        super().write(results, folder)


def plot(rows: Sequence[Results], file: Path) -> None:
    """A line for every feature and form of numbers, along its lengths."""
    colors = dict(zip((NESTED, *FITTED.values(), WHOLE), ("C0", "C1", "C2", "C3", "black"), strict=True))
    marks = dict(zip(FORMS, ("o", "s", "^", "x"), strict=True))
    figure = Figure(figsize=(8.5, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for feature, color in colors.items():
        for form, mark in marks.items():
            points = [
                (row["bytes"], row["mAP"]) for row in rows if (row["feature"], row["form"]) == (feature, form)
            ]
            axes.plot(*zip(*points, strict=True), color=color, marker=mark, markersize=5, linewidth=1)
    for feature, color in colors.items():
        axes.plot([], [], color=color, label=feature)
    for form, mark in marks.items():
        axes.plot([], [], color="grey", marker=mark, linestyle="", label=form)
    axes.axhline(rows[0]["mAP"], color="black", linestyle=":", linewidth=1)
    sizes = sorted({2 ** round(np.log2(row["bytes"])) for row in rows})
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.set_xlabel("bytes a crop")
    axes.set_ylabel("mAP, %")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, ncols=2, fontsize=9)
    figure.savefig(file, dpi=150)


PAGE = CurvePage("short_embeddings", sections, lambda _: [])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argument_parser(__doc__, PAGE, quick=False)
    parser.add_argument("--features", type=Path, metavar="FOLDER", help="of short_embeddings_run.py")
    options = parser.parse_args(arguments)
    if not (options.features or options.from_json):
        parser.error("name the folder of features by --features, or figures by --from-json")
    return run(PAGE, options, measure)


if __name__ == "__main__":
    sys.exit(main())
