"""Reading all images of a data set, in several processes."""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from mdpr.data.checking.findings import ImageFacts
from mdpr.data.images import ImageReadError, read_rgb
from mdpr.errors import DatasetError

IMAGES_PER_MESSAGE = 64  # between processes: large enough that the messages cost nothing
DIGEST_BYTES = 16


def inspect_image(path: str) -> ImageFacts:
    """Decode a whole image file, and measure it."""
    try:
        width, height = read_rgb(path).size
        with Image.open(path) as image:
            mode = image.mode
        digest = hashlib.blake2b(Path(path).read_bytes(), digest_size=DIGEST_BYTES).hexdigest()
    except ImageReadError as error:
        return ImageFacts(path, problem=error.reason)
    except OSError as error:  # it was readable a moment ago
        return ImageFacts(path, problem=str(error))
    return ImageFacts(path, "", width, height, mode, digest)


def inspect_images(paths: Sequence[str], *, workers: int, progress: bool = False) -> dict[str, ImageFacts]:
    """`inspect_image` of many.

    Args:
        paths: the files.
        workers: processes to read with; 0 reads in this one.
        progress: whether to draw a progress bar on the error stream.

    Returns:
        The facts, by path.

    Raises:
        DatasetError: a process died while it read.
    """
    inspected = _inspected(paths, workers)
    bar = tqdm(inspected, "Reading images", len(paths), unit="image", disable=not progress)
    return {fact.path: fact for fact in bar}


def _inspected(paths: Sequence[str], workers: int) -> Iterator[ImageFacts]:
    if workers == 0:
        yield from map(inspect_image, paths)
        return
    with ProcessPoolExecutor(workers) as pool:
        try:
            yield from pool.map(inspect_image, paths, chunksize=IMAGES_PER_MESSAGE)
        except BrokenProcessPool as error:
            raise DatasetError(
                "a process that read images died (out of memory, or a crash in an image decoder): "
                "`--workers 0` reads in one process, whose last words tell more"
            ) from error
