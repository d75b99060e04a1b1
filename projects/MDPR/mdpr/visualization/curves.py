"""Curves of runs, rankings and features as PNG files, one for each thing to see."""

import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from mdpr.errors import EvaluationError
from mdpr.evaluation.saved_files.features import SavedFeatures, load_features
from mdpr.evaluation.saved_files.rankings import SavedRankings, load_rankings
from mdpr.files import write_atomically
from mdpr.inference.extras import optional
from mdpr.visualization import plots
from mdpr.visualization.rank_lists import distinct_names

# Name of the file: what it is drawn from, how, and whether each source has a panel of its own.
PICTURES: Final[dict[str, tuple[type, Callable[..., None], bool]]] = {
    "cmc": (SavedRankings, plots.draw_cmc, False),
    "average_precision": (SavedRankings, plots.draw_average_precision, False),
    "roc": (SavedFeatures, plots.draw_roc, False),
    "det": (SavedFeatures, plots.draw_det, False),
    "similarities": (SavedFeatures, plots.draw_similarities, True),
    "camera_pairs": (SavedFeatures, plots.draw_camera_pairs, True),
    "embedding_map": (SavedFeatures, plots.draw_embedding_map, True),
    "losses": (list, plots.draw_losses, True),
    "learning_rate": (list, plots.draw_learning_rate, False),
}
_LABELS_INSIDE: Final = 5  # more would cover the curves
DPI: Final = 130
EMBEDDING_MAPS: Final = ("pca", "umap")


def write_curves(sources: Sequence[str | Path], out: str | Path, *, embedding: str = "pca") -> list[Path]:
    """Draw all that the sources hold; several of one kind are drawn together.

    Args:
        sources: saved rankings and features (``.npz``), ``metrics.json``, and folders of runs that hold any.
        out: folder of the pictures.
        embedding: the map of images, "pca" or "umap".

    Returns:
        The files written.

    Raises:
        InputError: matplotlib, or UMAP, is not installed.
        EvaluationError: a source that holds none of these.
        OSError, TypeError, ValueError: a file that cannot be read or written.
    """
    optional("matplotlib", "pictures")
    if embedding == "umap":
        optional("umap", "umap")  # before anything is drawn
    written = []
    for picture, canvas in draw_curves(load_sources(sources), embedding=embedding):
        path = Path(out, f"{picture}.png")
        with write_atomically(path, "wb") as stream:
            canvas.savefig(stream, format="png", dpi=DPI)
        written.append(path)
    return written


def load_sources(sources: Sequence[str | Path]) -> list[tuple[Path, Any]]:
    """Files that the sources of `write_curves` hold, with what can be drawn of each.

    Raises:
        EvaluationError: a source that holds none of these.
        OSError, TypeError, ValueError: a file that cannot be read.
    """
    return [(file, _load(file)) for source in sources for file in _files(Path(source))]


def draw_curves(loaded: Sequence[tuple[Path, Any]], *, embedding: str = "pca") -> Iterator[tuple[str, Any]]:
    """Names of `PICTURES` and their figures, of all that is there to draw.

    Raises:
        InputError: matplotlib, or UMAP, is not installed.
    """
    matplotlib, figure = optional("matplotlib", "pictures"), optional("matplotlib.figure", "pictures")
    cycle = matplotlib.cycler(color=plots.COLOURS, linestyle=plots.LINES)
    for picture, (kind, draw, panels) in PICTURES.items():
        shown = {file: data for file, data in loaded if isinstance(data, kind)}
        if not shown:
            continue
        if picture == "embedding_map":
            draw = partial(draw, method=embedding)  # noqa: PLW2901
        columns = len(shown) if panels else 1
        with matplotlib.rc_context({"axes.prop_cycle": cycle}):
            canvas = figure.Figure(figsize=(6.4 * columns, 4.4), layout="constrained")
            axes = canvas.subplots(1, columns, squeeze=False)[0]
            for place, (name, data) in enumerate(zip(_names(shown), shown.values(), strict=True)):
                draw(axes[place if panels else 0], name, data)
            _finish(axes)
            yield picture, canvas


def _finish(all_axes: Sequence[Any]) -> None:
    for axes in all_axes:
        labels = axes.get_legend_handles_labels()[1]
        if len(labels) > _LABELS_INSIDE:
            axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
        elif labels:
            axes.legend(fontsize="small")
        if labels:
            axes.grid(alpha=0.3)


def _files(source: Path) -> Iterator[Path]:
    """A file, or those of a run's folder."""
    if not source.is_dir():
        yield source
        return
    patterns = ("metrics.json", "*rankings.npz", "*features.npz")
    found = [
        file
        for pattern in patterns
        for file in sorted(source.glob(pattern), key=lambda one: distinct_names([one]))
    ]
    if not found:
        raise EvaluationError(f"{source} holds none of {', '.join(patterns)}: there is nothing to draw")
    yield from found


def _names(files: Iterable[Path]) -> list[str]:
    """Of a run its folder's name, of others their own."""
    return distinct_names([file.absolute().parent if file.suffix == ".json" else file for file in files])


def _load(file: Path) -> Any:
    if file.suffix == ".json":
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        scalars = [line for line in lines if "total_loss" in line]
        if not scalars:
            raise EvaluationError(f"{file} holds no line with a loss: there is nothing to draw")
        return scalars
    is_rankings = zipfile.is_zipfile(file) and "ranked.npy" in zipfile.ZipFile(file).namelist()
    return load_rankings(file) if is_rankings else load_features(file)
