"""How often trackers take one person for another, with the features of a model and without any.

    python scripts/benchmarks/tracking.py model.safetensors --docs docs

On drawn streets (`crossing.py`), with the trackers of other packages, which scripts/setup.sh installs.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import mdpr  # noqa: F401 -- before fastreid, which it mends

if __name__ == "__main__":  # run as a file, which puts its own folder on the path
    sys.path[0] = str(Path(__file__).resolve().parents[1])

# isort: split
import numpy as np
from boxmot import BotSort, DeepOcSort
from deep_sort_realtime.deepsort_tracker import DeepSort
from mdpr.inference.adapters import boxmot, deep_sort_realtime, ultralytics
from mdpr.inference.embedder import Embedder
from numpy.typing import NDArray
from trackers import eval as scores
from ultralytics.engine.results import Boxes
from ultralytics.trackers.bot_sort import BOTSORT
from ultralytics.utils import ROOT, YAML, IterableSimpleNamespace

from benchmarks.crossing import Frame, draw_sequence
from benchmarks.measuring import describe_machine
from benchmarks.pages import Page, Results, argument_parser, run, table

Follow = Callable[[Frame], NDArray[np.float64]]
"""The tracks seen in a frame: number, and corners of the box (M, 5)."""
CONFIDENCE: Final = 0.9


def bot_sort(embedder: Embedder | None) -> Follow:
    encoder = boxmot.wrap(embedder) if embedder else None
    return _boxmot(BotSort(use_embeddings=embedder is not None, reid_model=encoder, use_cmc=False))


def deep_oc_sort(embedder: Embedder | None) -> Follow:
    encoder = boxmot.wrap(embedder) if embedder else None
    return _boxmot(DeepOcSort(use_embeddings=embedder is not None, reid_model=encoder, cmc_off=True))


def _boxmot(tracker: Any) -> Follow:
    def follow(frame: Frame) -> NDArray[np.float64]:
        rest = np.tile([CONFIDENCE, 0], (len(frame.detections), 1))
        return tracker.update(np.hstack([frame.detections, rest]), frame.image)[:, [4, 0, 1, 2, 3]]

    return follow


def deep_sort(embedder: Embedder | None) -> Follow:
    tracker, rng = DeepSort(embedder=None), np.random.default_rng(0)
    tracker.embedder = deep_sort_realtime.wrap(embedder) if embedder else None

    def follow(frame: Frame) -> NDArray[np.float64]:
        found = [([x, y, right - x, bottom - y], CONFIDENCE, 0) for x, y, right, bottom in frame.detections]
        # Without appearance: features that are never alike, so that only overlap counts.
        alone = None if embedder else rng.normal(size=(len(found), 512))
        tracks = tracker.update_tracks(found, embeds=alone, frame=frame.image)
        seen = [track for track in tracks if track.is_confirmed() and track.time_since_update == 0]
        return np.array([[int(track.track_id), *track.to_ltrb()] for track in seen]).reshape(-1, 5)

    return follow


def ultralytics_bot_sort(embedder: Embedder | None) -> Follow:
    settings = IterableSimpleNamespace(**YAML.load(ROOT / "cfg/trackers/botsort.yaml"))
    settings.gmc_method = None
    tracker = BOTSORT(settings)
    if embedder:
        tracker.encoder = ultralytics.wrap(embedder)
        settings.with_reid, settings.model = True, "mdpr"

    def follow(frame: Frame) -> NDArray[np.float64]:
        rest = np.tile([CONFIDENCE, 0], (len(frame.detections), 1))
        found = Boxes(np.hstack([frame.detections, rest]), frame.image.shape[:2])
        return np.asarray(tracker.update(found, frame.image)).reshape(-1, 8)[:, [4, 0, 1, 2, 3]]

    return follow


TRACKERS: Final[Mapping[str, Callable[[Embedder | None], Follow]]] = {
    "BoxMOT BotSort": bot_sort,
    "BoxMOT DeepOcSort": deep_oc_sort,
    "deep-sort-realtime": deep_sort,
    "Ultralytics BoT-SORT": ultralytics_bot_sort,
}


def score(sequences: Iterable[tuple[Sequence[Frame], Follow]]) -> dict[str, float]:
    """Identity switches, IDF1 and MOTA in percent, of all sequences together."""
    clear, identity = [], []
    for frames, follow in sequences:
        tracks = [follow(frame) for frame in frames]
        people = [frame.people for frame in frames]
        numbers = [each[:, 0].astype(int) for each in tracks]
        overlaps = [
            scores.box_iou(frame.boxes, each[:, 1:]) for frame, each in zip(frames, tracks, strict=True)
        ]
        clear.append(scores.compute_clear_metrics(people, numbers, overlaps))
        identity.append(scores.compute_identity_metrics(people, numbers, overlaps))
    total = scores.aggregate_clear_metrics(clear)
    return {
        "switches": total["IDSW"],
        "IDF1": 100 * scores.aggregate_identity_metrics(identity)["IDF1"],
        "MOTA": 100 * total["MOTA"],
    }


def measure(arguments: argparse.Namespace) -> Results:
    people, length, count = (4, 60, 1) if arguments.quick else (6, 120, 3)
    streets = [list(draw_sequence(people, length, seed)) for seed in range(count)]
    embedder = Embedder.from_file(arguments.model)
    rows = [
        {
            "tracker": name,
            "features": bool(given),
            **score((street, make(given)) for street in streets),
        }
        for name, make in TRACKERS.items()
        for given in (None, embedder)
    ]
    facts = describe_machine()
    return {
        "machine": {
            "sequences": f"{count} of {length} frames, {people} people each",
            "processor": facts["processor"],
            "libraries": facts["libraries"],
        },
        "quick": arguments.quick,
        "rows": rows,
    }


def sections(results: Results, picture: str) -> list[str]:
    headers = ["tracker", "features", "identity switches", "IDF1 %", "MOTA %"]
    cells = [
        [
            row["tracker"],
            "the model's" if row["features"] else "none",
            str(row["switches"]),
            f"{row['IDF1']:.1f}",
            f"{row['MOTA']:.1f}",
        ]
        for row in results["rows"]
    ]
    return [table(cells, headers)]


PAGE: Final = Page("trackers", sections, lambda results: [])


def main(argv: Sequence[str] | None = None) -> int:
    parser = argument_parser(__doc__, PAGE)
    parser.add_argument("model", help="made by `mdpr pack`")
    return run(PAGE, parser.parse_args(argv), measure)


if __name__ == "__main__":
    sys.exit(main())
