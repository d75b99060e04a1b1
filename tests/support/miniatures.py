"""Small data sets in the layouts of the published ones: coloured blocks instead of people.

Each function makes a set under ``root`` and returns its folder. Identities differ in their colours,
cameras in brightness, images in noise, so that a network can learn them and no two files are equal.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

SPLIT_FOLDERS = {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}


@dataclass(frozen=True)
class Shape:
    """How large a miniature is. Each test identity has one query image per camera."""

    train_identities: int = 8
    test_identities: int = 4
    cameras: int = 2
    images: int = 4  # per identity and camera
    height: int = 64
    width: int = 32

    @property
    def counts(self) -> dict[str, int]:
        """Images per split."""
        per_identity = self.cameras * self.images
        query = self.test_identities * self.cameras
        return {
            "train": self.train_identities * per_identity,
            "query": query,
            "gallery": self.test_identities * per_identity - query,
        }


@dataclass(frozen=True)
class Sample:
    """One image: identities and cameras count from 1, test identities follow the training ones."""

    split: str
    identity: int
    camera: int
    index: int


TINY = Shape()


def person_image(sample: Sample, shape: Shape = TINY) -> Image.Image:
    """Head, shirt and trousers as blocks of the identity's colours."""
    colours = np.random.default_rng(sample.identity).integers(40, 216, (3, 3))
    rng = np.random.default_rng([sample.identity, sample.camera, sample.index])
    pixels = np.empty((shape.height, shape.width, 3))
    bounds = [0, shape.height // 5, shape.height * 3 // 5, shape.height]
    for colour, top, bottom in zip(colours, bounds, bounds[1:], strict=False):
        pixels[top:bottom] = colour
    pixels += 12 * sample.camera + rng.normal(0, 6, pixels.shape)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def save(path: Path, sample: Sample, shape: Shape = TINY) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    person_image(sample, shape).save(path)


def samples(shape: Shape) -> Iterator[Sample]:
    last = shape.train_identities + shape.test_identities
    for identity in range(1, last + 1):
        for camera in range(1, shape.cameras + 1):
            for index in range(shape.images):
                test_split = "gallery" if index else "query"
                split = "train" if identity <= shape.train_identities else test_split
                yield Sample(split, identity, camera, index)


def make_market(root: Path, shape: Shape = TINY) -> Path:
    return _make_folders(root / "Market-1501-v15.09.15", shape, "{0:04d}_c{1}s1_{2:06d}_00.jpg")


def make_duke(root: Path, shape: Shape = TINY) -> Path:
    return _make_folders(root / "DukeMTMC-reID", shape, "{0:04d}_c{1}_f{2:07d}.jpg")


def make_occluded_duke(root: Path, shape: Shape = TINY) -> Path:
    return _make_folders(root / "Occluded_Duke", shape, "{0:04d}_c{1}_f{2:07d}.jpg")


def make_cuhk03np(root: Path, shape: Shape = TINY, boxes: str = "detected") -> Path:
    return _make_folders(root / "cuhk03-np" / boxes, shape, "{0:04d}_c{1}_{2}.png")


def make_synergy(root: Path, shape: Shape = TINY) -> Path:
    """Test and challenge sets show the same people; challenge names are bare numbers."""
    folder = root / "synergyreid_data"
    places = {"train": "reid_training", "query": "reid_test/query", "gallery": "reid_test/gallery"}
    for number, sample in enumerate(samples(shape)):
        name = f"{sample.identity:04d}_{sample.camera:04d}_{sample.index:04d}.jpeg"
        save(folder / places[sample.split] / name, sample, shape)
        if sample.split != "train":
            save(folder / "reid_challenge" / sample.split / f"{number:05d}.jpeg", sample, shape)
    return folder


def make_msmt17(root: Path, shape: Shape = TINY, version: str = "V1") -> Path:
    """The last image of each training identity and camera is in the validation list."""
    folder = root / f"MSMT17_{version}"
    train, test = {"V1": ("train", "test"), "V2": ("mask_train_v2", "mask_test_v2")}[version]
    lists: dict[str, list[str]] = {"train": [], "val": [], "query": [], "gallery": []}
    for sample in samples(shape):
        is_train = sample.split == "train"
        person = sample.identity - 1 - (0 if is_train else shape.train_identities)
        name = f"{person:04d}/{person:04d}_{sample.index:03d}_{sample.camera:02d}_0303morning_0008_0.jpg"
        save(folder / (train if is_train else test) / name, sample, shape)
        in_validation = is_train and sample.index == shape.images - 1
        lists["val" if in_validation else sample.split].append(f"{name} {person}")
    for split, lines in lists.items():
        (folder / f"list_{split}.txt").write_text("\n".join(sorted(lines)) + "\n")
    return folder


def make_image_folder(root: Path, shape: Shape = TINY, cameras_known: bool = True) -> Path:
    folder = root / "mine"
    for sample in samples(shape):
        camera = f"camera{sample.camera}" if cameras_known else ""
        name = f"{sample.camera}_{sample.index}.jpg"
        save(folder / sample.split / f"person{sample.identity}" / camera / name, sample, shape)
    return folder


def make_csv(root: Path, shape: Shape = TINY, cameras_known: bool = True) -> Path:
    """All images in one folder, and ``images.csv`` that says what they are."""
    folder = root / "mine"
    rows = []
    for number, sample in enumerate(samples(shape)):
        name = f"images/{number:04d}.jpg"
        save(folder / name, sample, shape)
        row = {"path": name, "person": f"person{sample.identity}", "split": sample.split}
        rows.append(row | ({"camera": f"camera{sample.camera}"} if cameras_known else {}))
    with (folder / "images.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def _make_folders(folder: Path, shape: Shape, name: str) -> Path:
    for sample in samples(shape):
        file_name = name.format(sample.identity, sample.camera, sample.index)
        save(folder / SPLIT_FOLDERS[sample.split] / file_name, sample, shape)
    return folder
