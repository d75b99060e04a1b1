"""The complete SynthPersons as fast-reid sees it, and how little colour histograms find in it."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fastreid.data.datasets import DATASET_REGISTRY
from mdpr.data.datasets.base import SPLITS
from mdpr.data.datasets.synth_persons import SynthPersons, SynthPersonsXL, SynthPersonsXLOther
from mdpr.errors import DatasetError
from PIL import Image
from synth_persons.cache import set_folder
from synth_persons.spec import SynthPersonsSpec


@pytest.fixture(scope="module")
def dataset(synth_root: Path) -> SynthPersons:
    return SynthPersons(root=str(synth_root))


@pytest.mark.parametrize("dataset_class", [SynthPersons, SynthPersonsXL, SynthPersonsXLOther])
def test_it_is_registered_and_documented(dataset_class: type[SynthPersons]) -> None:
    assert DATASET_REGISTRY.get(dataset_class.__name__) is dataset_class
    spec, documentation = dataset_class.spec, dataset_class.__doc__ or ""
    assert spec.name == dataset_class.__name__
    for name, count in _counts(spec).items():
        assert f"{count} ({name}" in documentation
    for count in (spec.train_identities, spec.test_identities):
        assert f"{count} (t" in documentation
    assert f"{spec.cameras} cameras" in documentation
    assert f"{spec.distractors} are distractors" in documentation
    assert f"{spec.junk} junk images" in documentation


def _counts(spec: SynthPersonsSpec) -> dict[str, int]:
    gallery = spec.test_identities * spec.cameras * spec.gallery_images_per_camera
    return {
        "train": spec.train_identities * spec.cameras * spec.train_images_per_camera,
        "query": spec.test_identities * spec.query_cameras,
        "gallery": gallery + spec.distractors,
    }


def test_counts(dataset: SynthPersons) -> None:
    assert {name: len(getattr(dataset, name)) for name in SPLITS} == _counts(dataset.spec)


@pytest.mark.parametrize("dataset_class", [SynthPersonsXL, SynthPersonsXLOther])
def test_counts_of_a_small_form_of_the_larger_sets(dataset_class, tmp_path, monkeypatch) -> None:
    few = {
        "train_identities": 2,
        "test_identities": 3,
        "distractors": 4,
        "junk": 2,
        "height": 32,
        "width": 16,
    }
    monkeypatch.setattr(dataset_class, "spec", replace(dataset_class.spec, **few))
    small = dataset_class(root=str(tmp_path))
    assert {name: len(getattr(small, name)) for name in SPLITS} == _counts(small.spec)
    assert small.junk["gallery"] == 2
    assert {camera for _, _, camera in small.gallery} == set(range(8))
    assert [folder.name.split("-")[0] for folder in tmp_path.iterdir()] == [dataset_class.__name__]


def test_items(dataset: SynthPersons) -> None:
    for items in (dataset.train, dataset.query, dataset.gallery):
        paths = [path for path, _, _ in items]
        assert paths == sorted(paths)
        assert all(Path(path).is_file() for path in paths)
    assert {camera for _, _, camera in dataset.train} == {f"synthpersons_{c}" for c in range(6)}
    assert all(person.startswith("synthpersons_") for _, person, _ in dataset.train)
    for items in (dataset.query, dataset.gallery):
        assert {camera for _, _, camera in items} == set(range(6))
    queried = {person for _, person, _ in dataset.query}
    found = {person for _, person, _ in dataset.gallery}
    assert min(queried) > 0
    assert found == queried | {0}
    assert not {f"synthpersons_{person}" for person in found} & {p for _, p, _ in dataset.train}


def test_a_second_use_does_not_draw(synth_root: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        SynthPersons(root=str(synth_root), mode="query")
    assert "Drawing" not in caplog.text


def test_images_are_as_the_spec_says(dataset: SynthPersons) -> None:
    spec = SynthPersonsSpec()
    with Image.open(dataset.train[0][0]) as image:
        assert image.format == "JPEG"
        assert image.mode == "RGB"
        assert image.size == (spec.width, spec.height)


def _rgb_histogram(image: Image.Image) -> np.ndarray:
    cells = (np.asarray(image) // 32).astype(int) @ np.array([64, 8, 1])
    return np.bincount(cells.ravel(), minlength=512) / cells.size


def _striped_hsv_histogram(image: Image.Image) -> np.ndarray:
    """Histograms of 8 hues x 4 saturations x 4 values in each of 6 horizontal stripes."""
    cells = (np.asarray(image.convert("HSV")) // (32, 64, 64)).astype(int) @ np.array([16, 4, 1])
    stripes = np.array_split(cells, 6)
    return np.concatenate([np.bincount(s.ravel(), minlength=128) / s.size for s in stripes])


def _average_precision(distances: np.ndarray, matches: np.ndarray) -> float:
    hits, precisions = 0, []
    for rank, place in enumerate(np.argsort(distances, kind="stable"), start=1):
        if matches[place]:
            hits += 1
            precisions.append(hits / rank)
    return sum(precisions) / hits


def _mean_average_precision(query: list, gallery: list, histogram) -> float:
    """Market-1501's mAP: the query's own images of the same camera do not count."""

    def features(items: list) -> np.ndarray:
        described = []
        for path, _, _ in items:
            with Image.open(path) as image:
                described.append(histogram(image))
        return np.stack(described)

    query_features, gallery_features = features(query), features(gallery)
    people = np.array([person for _, person, _ in gallery])
    cameras = np.array([camera for _, _, camera in gallery])
    precisions = []
    for feature, (_, person, camera) in zip(query_features, query, strict=True):
        kept = (people != person) | (cameras != camera)
        distances = np.abs(gallery_features[kept] - feature).sum(axis=1)
        precisions.append(_average_precision(distances, people[kept] == person))
    return float(np.mean(precisions))


@pytest.mark.parametrize("histogram", [_rgb_histogram, _striped_hsv_histogram])
def test_colour_histograms_do_not_solve_it(dataset: SynthPersons, histogram) -> None:
    assert _mean_average_precision(dataset.query, dataset.gallery, histogram) < 0.5


def test_a_set_that_is_not_whole_is_the_users_to_mend(tmp_path: Path) -> None:
    set_folder(tmp_path, SynthPersonsSpec()).mkdir()
    with pytest.raises(DatasetError, match=r"no readable manifest.*Move this folder away"):
        SynthPersons(root=str(tmp_path))
