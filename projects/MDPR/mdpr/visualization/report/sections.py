"""Parts of the page that are pictures, or come from elsewhere: curves, attention, the data check."""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fastreid.config import get_cfg
from fastreid.data.datasets.bases import ImageDataset
from markupsafe import Markup

from mdpr.config import add_mdpr_config
from mdpr.data.checking.check import check_dataset
from mdpr.data.checking.page import render_part
from mdpr.data.datasets.base import dataset_root
from mdpr.data.options import add_dataset_keys
from mdpr.data.registry import load_dataset
from mdpr.deployment import deploy
from mdpr.engine.config_file import Layer, merge
from mdpr.errors import InputError, MDPRError
from mdpr.inference.embedder import Embedder
from mdpr.inference.sources import from_run
from mdpr.modeling.meta_arch import MDPR
from mdpr.pages import png_uri
from mdpr.visualization.curves import draw_curves, load_sources
from mdpr.visualization.drawing import empty_figure, maps_figure
from mdpr.visualization.maps import maps_of
from mdpr.visualization.plots import draw_differences
from mdpr.visualization.report.comparison import Comparison
from mdpr.visualization.report.run_folder import RunFolder

_DPI: Final = 110
_WIDE: Final = 7  # inches: wider than one panel
_CAPTIONS: Final = {
    "cmc": "Share of the queries with a match within the first 1 to 50 images.",
    "average_precision": "How many queries have which average precision.",
    "roc": "True matches found for each share of false ones.",
    "det": "True matches missed for each share of false ones.",
    "similarities": "Cosine similarities of pairs of different persons and of one person.",
    "camera_pairs": "mAP of each camera's queries in the gallery of each other camera alone.",
    "embedding_map": "Images on a plane, by PCA of their features; in colour the persons with most images.",
    "losses": "Loss terms by the part of the method that they train, and their sum.",
    "learning_rate": "The learning rate over the run.",
}


@dataclass(frozen=True)
class Picture:
    """A picture: what it shows, in a sentence, its source as a data URI, and whether it has panels."""

    caption: str
    source: str
    is_wide: bool = False


@dataclass(frozen=True)
class Section:
    """Pictures of one section, and lines that say why something is not there."""

    pictures: list[Picture]
    notices: list[str]


def curves(runs: Mapping[str, RunFolder]) -> Section:
    """All curves that the runs' files hold, those of all runs together.

    Raises:
        InputError: matplotlib is not installed.
    """
    loaded, notices = [], []
    for name, run in runs.items():
        try:
            loaded += load_sources([run.path])
        except MDPRError as error:
            notices.append(f"{name}: {error}")
    return Section([_picture(figure, _CAPTIONS[name]) for name, figure in draw_curves(loaded)], notices)


def changes(compared: Comparison) -> Picture:
    """How many queries gain and lose how much."""
    figure = empty_figure(6.4, 4.4, "constrained")
    name = f"{compared.first} to {compared.second}"
    draw_differences(figure.subplots(), name, compared.change, compared.metrics["mAP"])
    return _picture(figure, f"Change of the average precision of each query, {name}: {_summary(compared)}.")


def attention(runs: Mapping[str, RunFolder], images: Iterable[Path]) -> Section:
    """Where the network of each run looks in the images that can be found."""
    there = [image for image in images if image.is_file()]
    pictures, notices = [], []
    for name, run in runs.items():
        try:
            embedder = _embedder(run)
            if not there:
                raise InputError("no test image is here to look at (--images FOLDER finds moved ones)")
            figure = maps_figure([maps_of(embedder, image) for image in there], "attention", 1.0)
        except (MDPRError, OSError) as error:
            notices.append(f"{name}: {error}")
            continue
        files = ", ".join(image.name for image in there)
        pictures.append(_picture(figure, f"{name}: attention and background of stages 4 and 3 for {files}."))
    return Section(pictures, notices)


def load_sets(runs: Iterable[RunFolder]) -> tuple[dict[str, ImageDataset], list[str]]:
    """Data sets that the runs name and whose files are here, and lines that say why others are not."""
    found: dict[str, ImageDataset] = {}
    notices = []
    named = {name: run.settings for run in runs for name in run.data_sets}
    for name, settings in named.items():
        try:
            found[name] = _load_set(name, settings)
        except (MDPRError, OSError) as error:
            notices.append(f"{name} is not checked: {error}")
    if not named:
        notices.append("No data set is checked: there is no config.yaml that names one.")
    return found, notices


def data_check(dataset: ImageDataset, *, workers: int = 0) -> Markup:
    """What the check of a data set says.

    Raises:
        DatasetError: a reading process died.
    """
    return render_part(check_dataset(dataset, workers=workers))


def _load_set(name: str, settings: Mapping[str, Any]) -> ImageDataset:
    root = Path(dataset_root())
    if not root.is_dir():
        raise InputError(f"there is no folder {root} of data sets here (FASTREID_DATASETS names it)")
    cfg = get_cfg()
    add_mdpr_config(cfg)
    add_dataset_keys(cfg)
    own = {key: value for key, value in settings.items() if key.startswith("DATASETS.")}
    merge(cfg, Layer("config.yaml", own))
    return load_dataset(name, cfg, strict=False)


def _embedder(run: RunFolder) -> Embedder:
    architecture = run.settings.get("MODEL.META_ARCHITECTURE", "MDPR")
    if architecture != "MDPR":
        raise InputError(f"MODEL.META_ARCHITECTURE is {architecture}, and attention is MDPR's")
    source = from_run(run.path)
    network = source.network
    return Embedder((source.cfg, deploy(network, attention=True) if isinstance(network, MDPR) else network))


def _summary(compared: Comparison) -> str:
    gained, lost = (compared.change > 0).sum(), (compared.change < 0).sum()
    mean = compared.metrics["mAP"].mean
    return f"{gained:,} queries gain, {lost:,} lose, {mean:+.2f} points on average"


def _picture(figure: Any, caption: str) -> Picture:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=_DPI, bbox_inches="tight", pil_kwargs={"optimize": True})
    return Picture(caption, png_uri(stream.getvalue()), figure.get_figwidth() > _WIDE)
