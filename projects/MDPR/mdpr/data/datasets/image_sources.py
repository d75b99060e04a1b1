"""Where `ImageFolderReID` finds its images: a CSV file, or folders per split, person and camera."""

import csv
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mdpr.data.datasets.base import SPLITS, Split
from mdpr.errors import DatasetError

IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
REQUIRED_COLUMNS = ("path", "person", "split")
# Told of each entry that says too little: where it is, what is wrong, and what was expected.
Report = Callable[[str, str, str], None]


@dataclass(frozen=True)
class LabelledImage:
    """An image, by name: ``split`` is train, query or gallery; ``camera`` is empty where unknown."""

    path: Path
    person: str
    camera: str
    split: Split


def images_from_csv(csv_path: Path, report: Report) -> Iterator[LabelledImage]:
    """Rows of a CSV file with the columns path, person, split and, if cameras are known, camera.

    Relative paths start at the folder of the CSV file.

    Raises:
        DatasetError: a column is missing, or the file is not text in UTF-8.
    """
    with csv_path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, skipinitialspace=True)
        try:
            columns = reader.fieldnames or ()
            missing = [name for name in REQUIRED_COLUMNS if name not in columns]
            if missing:
                raise DatasetError(
                    f"{csv_path} has no column {', '.join(missing)} (it has: "
                    f"{', '.join(columns) or 'none'}): its first line must be path,person,camera,split "
                    "(camera may be left out)"
                )
            for row in reader:
                where = f"{csv_path}, line {reader.line_num}"
                values = {key: (row.get(key) or "").strip() for key in (*REQUIRED_COLUMNS, "camera")}
                empty = [key for key in ("path", "person") if not values[key]]
                split = next((name for name in SPLITS if name == values["split"]), None)
                if empty:
                    report(where, f"{empty[0]} is empty", "path,person,camera,split")
                elif split is None:
                    report(where, f"split is {values['split']!r}", f"one of {', '.join(SPLITS)}")
                else:
                    path = csv_path.parent / values["path"]
                    yield LabelledImage(path, values["person"], values["camera"], split)
        except (UnicodeDecodeError, csv.Error) as error:
            raise DatasetError(f"{csv_path} is no CSV file in UTF-8 ({error})") from error


def images_from_folders(folder: Path, report: Report) -> Iterator[LabelledImage]:
    """Images at ``<split>/<person>/<camera>/<image>`` or ``<split>/<person>/<image>``, sorted by path."""
    for split in SPLITS:
        yield from images_of_people(folder / split, split, report)


def images_of_people(folder: Path, split: Split, report: Report) -> Iterator[LabelledImage]:
    """Images at ``<person>/<camera>/<image>`` or ``<person>/<image>``, sorted by path, all of one split."""
    for path in sorted(image_files(folder)):
        *folders, _ = path.relative_to(folder).parts
        if 1 <= len(folders) <= 2:
            person, camera = (*folders, "")[:2]
            yield LabelledImage(path, person, camera, split)
        else:
            report(
                str(path),
                f"it lies {len(folders)} folders under {folder.name}/",
                f"{folder.name}/PERSON/CAMERA/IMAGE, or {folder.name}/PERSON/IMAGE where cameras are unknown",
            )


def image_files(folder: Path) -> Iterator[Path]:
    """Image files in a folder and those below it, in no order; hidden ones are left alone."""
    # os.walk follows linked folders, which Path.rglob does not do alike on all Python versions.
    for parent, _, names in os.walk(folder, followlinks=True):
        for path in (Path(parent, name) for name in names if not name.startswith(".")):
            if path.suffix.lower() in IMAGE_SUFFIXES:
                yield path
