"""Kill an extraction at random moments, repeat it each time, and check that nothing is lost or done twice.

Exit status 0: the features were those of an extraction that was never killed, to the last bit, and each kill
cost a batch at most. Prints the highest memory of extractions of few and of many images, too.
"""

import argparse
import json
import multiprocessing
import os
import random
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

if __name__ == "__main__":  # run as a file, which puts its own folder on the path
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
import torch
from mdpr.inference.extraction import extract, rows_of
from PIL import Image
from tabulate import tabulate
from torch import Tensor, nn

BATCH_SIZE = 16
BROKEN = 499  # every so many-th image is no image
POLL = 0.001  # seconds


class TinyEmbedder:
    """A network so small that reading and writing are most of the work; it counts its images in a file."""

    dimension, batch_size, fingerprint = 512, BATCH_SIZE, "tiny"

    def __init__(self, seen: Path) -> None:
        self._seen = seen.open("ab")
        torch.manual_seed(0)
        layers = (nn.Conv2d(3, 16, 5, 4), nn.ReLU(), nn.AdaptiveAvgPool2d((4, 2)), nn.Flatten())
        self._network = nn.Sequential(*layers, nn.Linear(128, self.dimension)).eval()

    def prepare(self, image: Any, color: str = "rgb") -> Tensor:
        resized = Image.fromarray(np.asarray(image)).resize((64, 128))
        return torch.from_numpy(np.array(resized)).permute(2, 0, 1).float()

    @torch.inference_mode()
    def features(self, pixels: Tensor) -> Any:
        self._seen.write(b"." * len(pixels))
        self._seen.flush()
        return self._network(pixels / 255).numpy()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--small", type=int, default=1_000, help="images whose extraction memory is compared")
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--json", type=Path, help="write the outcome to this file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="extraction_test_") as folder:
        outcome = kill_and_repeat(arguments, Path(folder))
    print(tabulate(outcome["memory"], headers="keys", tablefmt="github", floatfmt=".1f"))
    print(*outcome["differences"], sep="\n")
    print(f"{len(outcome['kills'])} kills, {outcome['twice']} images seen twice by the network")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(outcome, indent=2) + "\n")
    return 1 if outcome["differences"] else 0


def kill_and_repeat(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Extract few images and many in peace, and many under kills; returns what came out."""
    draw_images(folder / "images", arguments.images)
    memory = [
        run(folder, f"{count}.npz", count, arguments.workers) for count in (arguments.small, arguments.images)
    ]
    moments = random.Random(arguments.seed)
    rows = sorted(moments.sample(range(arguments.images * 9 // 10), arguments.kills))
    kills = [
        kill_behind(folder, row, arguments, moments.uniform(0, 0.005))
        for row in rows
    ]  # fmt: skip
    run(folder, "killed.npz", arguments.images, arguments.workers)
    in_peace, killed = (np.load(folder / f"{name}.npz") for name in (arguments.images, "killed"))
    differences = [
        f"array {name} differs"
        for name in in_peace.files
        if in_peace[name].tobytes() != killed[name].tobytes()
    ]
    twice = (folder / "killed.npz.seen").stat().st_size - len(in_peace["features"])
    if not 0 <= twice <= arguments.kills * BATCH_SIZE:
        differences.append(f"{twice} images more than once: expected {BATCH_SIZE} a kill at most")
    differences += [f"the extraction ended before row {kill['row']}" for kill in kills if kill["ended"]]
    if len(in_peace["failed"]) != len(range(0, arguments.images, BROKEN)):
        differences.append(f"{len(in_peace['failed'])} images could not be read")
    return {"memory": memory, "kills": kills, "twice": twice, "differences": differences}


def draw_images(folder: Path, count: int) -> None:
    """Images of noise, some of them broken."""
    folder.mkdir()
    noise = np.random.default_rng(0)
    for number in range(count):
        path = folder / f"{number:06}.jpg"
        if number % BROKEN:
            Image.fromarray(noise.integers(0, 256, (16, 8, 3), np.uint8)).resize((64, 128)).save(path)
        else:
            path.write_bytes(b"no image")


def run(folder: Path, out: str, count: int, workers: int) -> dict[str, Any]:
    """Extract to the end in a process of its own; returns its seconds and the highest memory of each kind."""
    process = _start(folder, out, count, workers)
    process.join()
    if process.exitcode:
        raise RuntimeError(f"the extraction of {count} images ended with exit code {process.exitcode}")
    return json.loads((folder / f"{out}.facts").read_text())


def kill_behind(folder: Path, row: int, arguments: argparse.Namespace, delay: float) -> dict[str, Any]:
    """Start the extraction, and kill it once so many rows are in its journal, and some time has passed."""
    process = _start(folder, "killed.npz", arguments.images, arguments.workers)
    journal = folder / "killed.npz.partial/batches.jsonl"
    while process.is_alive() and not (journal.exists() and _lines(journal) * BATCH_SIZE > row):
        time.sleep(POLL)
    time.sleep(delay)
    process.kill()
    process.join()
    return {"row": row, "batches": _lines(journal) if journal.exists() else 0, "ended": process.exitcode == 0}


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")


def _start(folder: Path, out: str, count: int, workers: int) -> Any:
    # Forked, which saves the seconds that importing takes.
    process = multiprocessing.get_context("fork").Process(target=_extract, args=(folder, out, count, workers))
    process.start()
    return process


def _extract(folder: Path, out: str, count: int, workers: int) -> None:
    torch.set_num_threads(1)  # those of the process that was forked are not in this one
    began = time.monotonic()
    rows = rows_of([folder / "images"])[:count]
    embedder: Any = TinyEmbedder(folder / f"{out}.seen")
    extract(rows, folder / out, embedder, workers=workers)
    own, loaders = (
        resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    facts = {"images": count, "seconds": time.monotonic() - began, "MiB": own, "MiB of a loader": loaders}
    (folder / f"{out}.facts").write_text(json.dumps(facts))


if __name__ == "__main__":
    sys.exit(main())
