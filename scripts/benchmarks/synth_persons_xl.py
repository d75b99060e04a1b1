"""How hard the drawn sets are for a colour histogram, and how small a difference each of them can tell.

python scripts/benchmarks/synth_persons_xl.py --docs docs
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import combinations
from pathlib import Path

import mdpr  # noqa: F401 - before fast-reid
import numpy as np
from mdpr.data.datasets import SynthPersons, SynthPersonsXL, SynthPersonsXLOther
from mdpr.data.datasets.base import Item, dataset_root
from mdpr.evaluation import RankingResult, RetrievalLabels, rank_features
from mdpr.evaluation.paired import paired_difference
from numpy.typing import NDArray
from PIL import Image
from synth_persons.generate import Sample, draw_samples
from synth_persons.sets import LADDER, SYNTH_PERSONS, SYNTH_PERSONS_XL, at_level
from synth_persons.spec import SynthPersonsSpec

from benchmarks.measuring import describe_machine
from benchmarks.pages import Page, Results, argument_parser, run, table

STRIPES = 6
COMPARED = (6, 8, 3)  # stripes of the features whose difference is measured
PEOPLE = SYNTH_PERSONS.train_identities  # as many of each set, the first ones to be trained on
SHARES = ("look_alike_fraction", "occlusion_probability", "carried_probability")
GOAL = 0.5  # of what the histogram scores on SynthPersons
VISIBLE = 12  # grey levels of 255 by which a pixel differs that something covers


def histogram(image: NDArray[np.uint8], stripes: int = STRIPES) -> NDArray[np.float32]:
    """Roots of the shares of 8 hues x 4 saturations x 4 values in stripes of RGB (H, W, 3): (128 stripes,).

    Of the middle half of the width, where people are, and with the image's own mean made grey.
    """
    quarter = image.shape[1] // 4
    middle = image[:, quarter:-quarter].astype(np.float32)
    grey = (middle * (110 / middle.mean((0, 1)).clip(1))).clip(0, 255).astype(np.uint8)
    cells = (np.asarray(Image.fromarray(grey).convert("HSV")) // (32, 64, 64)).astype(int) @ (16, 4, 1)
    counts = [np.bincount(part.ravel(), minlength=128) for part in np.array_split(cells, stripes)]
    return np.sqrt(np.concatenate(counts) / cells.size).astype(np.float32)


def draw_person(spec: SynthPersonsSpec, identity: int) -> list[Sample]:
    cameras = range(1, spec.cameras + 1)
    return list(draw_samples(spec, [identity], cameras, spec.train_images_per_camera))


def draw_people(spec: SynthPersonsSpec, people: int) -> list[Sample]:
    with ProcessPoolExecutor() as pool:
        drawn = pool.map(partial(draw_person, spec), range(1, people + 1))
        return [sample for samples in drawn for sample in samples]


def difficulty(spec: SynthPersonsSpec, people: int) -> float:
    """mAP in percent of the histogram on people to be trained on: the first image of each camera is a query,
    the others are the gallery."""
    samples = draw_people(spec, people)
    query, gallery = ([s for s in samples if (s.index == 0) == first] for first in (True, False))
    labels = RetrievalLabels(*_labels(query), *_labels(gallery))
    features = [np.stack([histogram(sample.image) for sample in part]) for part in (query, gallery)]
    return 100 * rank_features(features[0], features[1], labels).mean_average_precision


def hidden(spec: SynthPersonsSpec, people: int) -> Results:
    """In which share of the images something is carried, and which share of these images it covers."""
    pairs = zip(
        draw_people(spec, people), draw_people(replace(spec, carried_probability=0.0), people), strict=True
    )
    covered = np.array([_covered(sample.image, bare.image) for sample, bare in pairs])
    return {"images": float(np.mean(covered > 0)), "covered": float(covered[covered > 0].mean())}


def _labels(samples: Sequence[Sample]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return np.array([s.identity for s in samples]), np.array([s.camera for s in samples])


def _covered(image: NDArray[np.uint8], bare: NDArray[np.uint8]) -> float:
    """Share of the pixels of which only `image` says something else than what is beneath."""
    return float(np.mean(np.abs(image.astype(int) - bare).max(axis=2) > VISIBLE))


def ranked(dataset: SynthPersons, stripes: int) -> RankingResult:
    query, gallery = _columns(dataset.query), _columns(dataset.gallery)
    read = partial(_described, stripes=stripes)
    with ProcessPoolExecutor() as pool:
        features = [np.stack(list(pool.map(read, part[0], chunksize=64))) for part in (query, gallery)]
    labels = RetrievalLabels(*(np.array(column) for part in (query, gallery) for column in part[1:]))
    return rank_features(features[0], features[1], labels)


def _columns(items: Iterable[Item]) -> list[tuple]:
    return list(zip(*items, strict=True))


def _described(path: str, stripes: int) -> NDArray[np.float32]:
    with Image.open(path) as image:
        return histogram(np.asarray(image), stripes)


def power(dataset: SynthPersons) -> list[Results]:
    """Differences between pairs of histograms on a test split, with their intervals over persons."""
    people = np.array([person for _, person, _ in dataset.query])
    precisions = {stripes: 100 * ranked(dataset, stripes).average_precision for stripes in COMPARED}
    rows = []
    for one, other in combinations(COMPARED, 2):
        first, second = precisions[one], precisions[other]
        difference = paired_difference(first, second, people)
        rows.append(
            {
                "set": type(dataset).__name__,
                "people": len(set(people.tolist())),
                "queries": len(people),
                "stripes": [one, other],
                "mAP": [float(first.mean()), float(second.mean())],
                "correlation": float(np.corrcoef(first, second)[0, 1]),
                "difference": difference.mean,
                "interval": [difference.low, difference.high],
            }
        )
    return rows


def measure(options: argparse.Namespace) -> Results:
    sets = (SynthPersons, SynthPersonsXL, SynthPersonsXLOther)
    return {
        "machine": describe_machine(),
        "people": PEOPLE,
        "easier": difficulty(SYNTH_PERSONS, PEOPLE),
        "ladder": [difficulty(at_level(level), PEOPLE) for level in range(len(LADDER))],
        "hidden": hidden(SYNTH_PERSONS_XL, PEOPLE),
        "power": [row for each in sets for row in power(each(options.root))],
    }


def sections(results: Results, picture: str) -> list[str]:
    easier, goal = results["easier"], GOAL * results["easier"]
    seen = results["hidden"]
    ladder = [
        [
            f"{level}",
            *(f"{100 * knobs[name]:.0f} %" for name in SHARES),
            *(f"{knobs[name]:.2f}" for name in ("cast_strength", "shift")),
            f"{score:.1f}",
        ]
        for level, (knobs, score) in enumerate(zip(LADDER, results["ladder"], strict=True))
    ]
    enough = [level for level, score in enumerate(results["ladder"]) if score < goal]
    intervals = [
        [
            row["set"],
            f"{row['people']}",
            f"{row['queries']:,}",
            "{} and {}".format(*row["stripes"]),
            "{:.1f} and {:.1f}".format(*row["mAP"]),
            f"{row['correlation']:.2f}",
            f"{row['difference']:+.2f}",
            f"{(row['interval'][1] - row['interval'][0]) / 2:.2f}",
        ]
        for row in results["power"]
    ]
    return [
        f"The histogram finds {results['people']} training identities of SynthPersons with {easier:.1f} mAP; "
        f"half of that is {goal:.1f}. The first level below it: {enough[0] if enough else 'none'}.",
        table(
            ladder,
            ("level", "look-alikes", "occluded", "carrying", "cast", "box error", "mAP %"),
        ),
        f"{100 * seen['images']:.0f} % of these images of SynthPersonsXL show something carried: it covers "
        f"{100 * seen['covered']:.0f} % of the image on average.",
        "The difference of two histograms on the test splits, and half the width of its 95 % interval:",
        table(
            intervals,
            ("set", "people", "queries", "stripes", "mAP %", "correlation of AP", "difference", "+-"),
        ),
    ]


PAGE = Page("synth_persons_xl", sections, lambda _: [])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argument_parser(__doc__, PAGE, quick=False)
    parser.add_argument("--root", type=Path, default=dataset_root(), help="folder of the data sets")
    return run(PAGE, parser.parse_args(arguments), measure)


if __name__ == "__main__":
    sys.exit(main())
