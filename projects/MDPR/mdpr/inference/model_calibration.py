"""Calibrate on the images, or features, of known people, and keep that in the model file."""

from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
from tqdm import tqdm

from mdpr.data.datasets.base import JUNK_IDENTITY
from mdpr.data.datasets.image_sources import images_from_folders, images_of_people
from mdpr.errors import DatasetError, EvaluationError
from mdpr.evaluation.saved_files.archives import Layout, check_layout, read_record
from mdpr.inference.calibration import Calibration, calibrate
from mdpr.inference.embedder import Embedder
from mdpr.inference.model_file import read_model_file, update_metadata

_OPTIONAL: Final[Layout] = {
    "camera": (np.int64, "N"),
    "is_query": (np.bool_, "N"),
    "fingerprint": (np.str_, ""),  # of the embedder
}
_LAYOUT: Final[Layout] = {"features": (np.float32, "ND"), "person": (np.int64, "N"), **_OPTIONAL}


def calibrate_model(
    source: str | Path, model: str | Path | None = None, *, false_match_rate: float = 1e-3
) -> tuple[Calibration, Calibration | None]:
    """Calibrate on labelled features or images, and store that in the model file.

    Junk (person -1) is left out, and so is, where there are queries, a person without any: data sets file
    many distractors under one such name.

    Args:
        source: an ``.npz`` with ``features`` and ``person``, and ``camera``, ``is_query`` and ``fingerprint``
            where known; or a folder of PERSON/CAMERA/IMAGE or PERSON/IMAGE; or one with ``query/`` and
            ``gallery/`` of that form, whose ``train/`` is not read, as the network has seen it.
        model: the model file; None, for features alone, stores nothing.
        false_match_rate: as in `calibrate`.

    Returns:
        The calibration, and the one that it took the place of.

    Raises:
        EvaluationError: a folder without a model, features of another model, or as `calibrate`.
        MDPRError, OSError, TypeError, ValueError: files or images that cannot be read.
    """
    metadata = None if model is None else read_model_file(model).metadata
    if not Path(source).is_dir():
        people = read_record(source, _known_people, _LAYOUT, optional=_OPTIONAL)
    elif model is None:
        raise EvaluationError(f"{source} is a folder: --model must name the model of its features")
    else:
        people = _embed(Path(source), Embedder.from_file(model))
    fingerprint = people.pop("fingerprint", None)
    if metadata is None or model is None:
        return calibrate(**people, false_match_rate=false_match_rate), None
    dimension, made_by = people["features"].shape[1], str(fingerprint or metadata["fingerprint"])
    if (dimension, made_by) != (metadata["dimension"], metadata["fingerprint"]):
        raise EvaluationError(
            f"{source} holds features of another model, preprocessing or precision than {model}: dimension "
            f"{dimension} and fingerprint {made_by}, not {metadata['dimension']} and "
            f"{metadata['fingerprint']}"
        )
    calibration = calibrate(**people, false_match_rate=false_match_rate)
    update_metadata(model, calibration=calibration.as_dict())
    replaced = metadata["calibration"]
    return calibration, replaced and Calibration.from_dict(replaced)


def _known_people(**arrays: Any) -> dict[str, Any]:
    """Check the arrays, and keep what `calibrate` takes, of those who are neither junk nor distractors."""
    check_layout(arrays, {name: _LAYOUT[name] for name in arrays})
    person = arrays["person"]
    known = person != JUNK_IDENTITY
    if "is_query" in arrays:
        known &= np.isin(person, person[arrays.pop("is_query")])
    return {name: array if array.ndim == 0 else array[known] for name, array in arrays.items()}


def _embed(folder: Path, embedder: Embedder) -> dict[str, Any]:
    if (folder / "query").is_dir():
        images = [image for image in images_from_folders(folder, _refuse) if image.split != "train"]
    else:
        images = list(images_of_people(folder, "query", _refuse))
    images = [image for image in images if image.person != str(JUNK_IDENTITY)]
    if not images:
        raise DatasetError(f"{folder} holds no image: PERSON/IMAGE or PERSON/CAMERA/IMAGE is expected there")
    batches = embedder.batches(tqdm([image.path for image in images], disable=None))
    # An image of unknown camera gets one of its own: it makes a pair with every image of its person.
    cameras = [image.camera or f"/{index}" for index, image in enumerate(images)]
    return _known_people(
        features=np.concatenate(list(batches)),
        person=np.unique([image.person for image in images], return_inverse=True)[1],
        camera=np.unique(cameras, return_inverse=True)[1],
        is_query=np.array([image.split == "query" for image in images]),
    )


def _refuse(where: str, reason: str, expected: str) -> NoReturn:
    raise DatasetError(f"{where}: {reason}; expected {expected}")
