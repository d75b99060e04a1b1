"""SynthPersons on disk: drawn on first use, whole or not at all, by any number of processes."""

import hashlib
import json
import logging
import os
import shutil
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

from synth_persons.generate import write_set
from synth_persons.layout import plan
from synth_persons.spec import GENERATOR_VERSION, SynthPersonsSpec

logger = logging.getLogger(__name__)

MANIFEST = "manifest.json"
_STALE_SECONDS = 3600
"""A set is drawn in seconds or minutes: after an hour without change, whoever was drawing it has died."""


class IncompleteSetError(RuntimeError):
    """A set's folder is there, but does not hold the complete set; the message says what to do."""


def set_folder(root: str | Path, spec: SynthPersonsSpec) -> Path:
    """Return where the set is kept; every version and every spec has a folder of its own."""
    digest = hashlib.sha256(json.dumps(spec.described(), sort_keys=True).encode()).hexdigest()
    return Path(root) / f"{spec.name}-v{GENERATOR_VERSION}-{digest[:8]}"


def ensure_set(root: str | Path, spec: SynthPersonsSpec, *, workers: int | None = None) -> Path:
    """Return the folder of the complete set, drawing it first if it is not there.

    The images are drawn into a hidden folder beside the final one, which takes the final name
    in one step. When several processes draw at once, the first one wins and the others discard
    theirs, so that nobody ever sees half a set.

    Args:
        root: Folder of all data sets; made if it does not exist.
        spec: What the set is.
        workers: Processes to draw with; None takes one per CPU core this process may use.

    Raises:
        IncompleteSetError: If the folder is there but is not the complete set.
        OSError: If the set cannot be written.
    """
    folder = set_folder(root, spec)
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(folder)
        _draw(folder, spec, workers)
    _verify(folder, spec)
    return folder


def _draw(folder: Path, spec: SynthPersonsSpec, workers: int | None) -> None:
    manifest = _manifest(spec)
    count = sum(manifest["images"].values())
    logger.info("Drawing %s (%d images) into %s ...", spec.name, count, folder)
    started = time.perf_counter()
    partial = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.partial")
    partial.mkdir()
    try:
        write_set(partial, spec, workers=workers)
        (partial / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        os.rename(partial, folder)  # noqa: PTH104 - unlike Path.replace, never onto a full folder
    except OSError:
        if not folder.exists():
            raise
        logger.info("Another process has drawn %s meanwhile; using that.", folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    logger.info("%s is ready after %.1f s.", spec.name, time.perf_counter() - started)


def _manifest(spec: SynthPersonsSpec) -> dict[str, Any]:
    images = Counter(entry.folder for entry in plan(spec))
    return {"version": GENERATOR_VERSION, "spec": spec.described(), "images": dict(images)}


def _verify(folder: Path, spec: SynthPersonsSpec) -> None:
    """Raise IncompleteSetError unless `folder` has the manifest of `spec` and all images it counts."""
    advice = "Move this folder away and the set will be drawn again."
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise IncompleteSetError(f"{folder} has no readable {MANIFEST} ({error}). {advice}") from error
    expected = json.loads(json.dumps(_manifest(spec)))
    if found != expected:
        raise IncompleteSetError(f"{folder / MANIFEST} describes another set. {advice}")
    for name, count in expected["images"].items():
        images = sum(1 for _ in (folder / name).glob("*.jpg"))
        if images != count:
            raise IncompleteSetError(
                f"{folder / name} holds {images} images, but should hold {count}. {advice}"
            )


def _remove_stale(folder: Path) -> None:
    """Remove what interrupted drawings of this very folder have left behind."""
    for partial in folder.parent.glob(f".{folder.name}.*.partial"):
        try:
            changed = max(path.stat().st_mtime for path in (partial, *partial.iterdir()))
        except OSError:
            continue  # another process has just finished or removed it
        if time.time() - changed > _STALE_SECONDS:
            shutil.rmtree(partial, ignore_errors=True)
