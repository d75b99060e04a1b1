"""What a command line names: images, folders of images, or a file of features."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

from mdpr.data.datasets.image_sources import IMAGE_SUFFIXES
from mdpr.data.images import read_rgb
from mdpr.errors import GalleryError
from mdpr.inference.gallery.images import thumbnail


@dataclass(frozen=True)
class Source:
    """N images, or features of N.

    Attributes:
        content: paths, or features (N, D).
        ids: paths; of features those in the file, else its name and their number.
        persons: as far as known.
        fingerprint: of the model of features.
    """

    content: Any
    ids: list[str]
    persons: list[str | None]
    fingerprint: str | None = None

    def thumbnails(self) -> list[bytes]:
        """JPEGs of the images; empty for features."""
        return [thumbnail(read_rgb(path)) if isinstance(path, Path) else b"" for path in self.content]


def read_sources(
    paths: Sequence[Path], person: str | None = None, pattern: str | None = None
) -> list[Source]:
    """Read ``.npz`` files, each a source, and find the images, together another one.

    Args:
        paths: files and folders.
        person: whom those show of whom nothing else is known.
        pattern: a regular expression whose first group, found in an image's path, is the person.

    Raises:
        GalleryError: a path without images, a file without features, or a wrong pattern.
    """
    images: list[Path] = []
    sources = []
    for path in paths:
        if path.suffix == ".npz":
            sources.append(_read_features(path, person))
            continue
        found = path.rglob("*") if path.is_dir() else [path]
        found = sorted(file for file in found if file.suffix.lower() in IMAGE_SUFFIXES)
        if not found:
            raise GalleryError(f"{path} is no image, and no folder of images ({', '.join(IMAGE_SUFFIXES)})")
        images += found
    ids = [str(image) for image in images]
    try:
        matches = [re.search(pattern, each) if pattern else None for each in ids]
        persons = [match.group(1) if match else person for match in matches]
    except (re.error, IndexError) as error:
        raise GalleryError(f"person pattern {pattern!r}: {error}") from error
    return [*sources, Source(images, ids, persons)] if images else sources


def _read_features(file: Path, person: str | None) -> Source:
    with np.load(file, allow_pickle=False) as archive:
        if "features" not in archive:
            raise GalleryError(f"{file} has no array 'features', only {', '.join(archive) or 'nothing'}")
        features = archive["features"]

        def column(*names: str) -> list[str]:
            known = [name for name in names if name in archive]
            return list(map(str, archive[known[0]])) if known else []

        ids = column("id", "path") or [file.name] * len(features)
        if len(set(ids)) < len(ids):
            ids = [f"{each}#{number}" for number, each in enumerate(ids)]
        persons = column("person_name", "person") or repeat(person, len(features))
        fingerprint = str(archive["fingerprint"]) if "fingerprint" in archive else None
    return Source(features, ids, list(persons), fingerprint)
