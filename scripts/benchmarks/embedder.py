"""What an embedder takes beside its network: of a batch, of a frame with boxes, and to be there at all."""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import mdpr  # noqa: F401 - before fast-reid
import numpy as np
import torch
from fastreid.config import CfgNode
from mdpr.engine.network import build_network
from mdpr.engine.setup import make_config
from mdpr.inference.embedder import Embedder
from mdpr.inference.packing import pack
from mdpr.inference.sources import from_config
from PIL import Image

from benchmarks.measuring import describe_machine
from benchmarks.pages import Page, Results, argument_parser, run, table

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "configs/Market1501/mdpr_R50.yml"
QUICK = ["MODEL.BACKBONE.DEPTH", "18x", "MODEL.BACKBONE.FEAT_DIM", "512", "INPUT.SIZE_TEST", "[64, 32]"]
BATCHES, BOXES = (32, 1, 7), 20
CROP, FRAME = (128, 64), (720, 1280)  # height, width in pixels: Market-1501's images, a video's


def seconds_of_both(one: Callable[[], Any], other: Callable[[], Any], rounds: int) -> tuple[float, float]:
    """Medians of two calls, made in turn, so that both meet the same machine."""
    one(), other()
    times: list[list[float]] = [[], []]
    for _ in range(rounds):
        for call, taken in zip((one, other), times, strict=True):
            start = time.perf_counter()
            call()
            taken.append(time.perf_counter() - start)
    return statistics.median(times[0]), statistics.median(times[1])


def batches(embedder: Embedder, rounds: int) -> list[Results]:
    """An embedder from decoded images, against its network from prepared pixels."""
    rows = []
    generator = np.random.default_rng(0)
    for count in BATCHES:
        pixels = generator.integers(0, 256, (count, *CROP, 3)).astype(np.uint8)
        images = [Image.fromarray(image) for image in pixels]
        prepared = torch.stack([embedder.prepare(image) for image in images])

        def network(prepared: torch.Tensor = prepared) -> torch.Tensor:
            with torch.inference_mode():
                return embedder.network(prepared)

        def whole(images: list[Image.Image] = images) -> Any:
            return embedder(images)

        bare, all_of_it = seconds_of_both(network, whole, rounds * (1 if count > 1 else 5))
        rows.append({"images": count, "network": bare, "embedder": all_of_it})
    return rows


def frame(embedder: Embedder, rounds: int) -> Results:
    """A frame with boxes, against the same pieces as a batch of crops."""
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (*FRAME, 3)).astype(np.uint8)
    corners = generator.integers((0, 0), (FRAME[1] - CROP[1], FRAME[0] - CROP[0]), (BOXES, 2))
    boxes = np.concatenate([corners, corners + CROP[::-1]], axis=1)
    crops = [pixels[top:bottom, left:right] for left, top, right, bottom in boxes]
    with_boxes, as_crops = seconds_of_both(
        lambda: embedder(pixels, boxes=boxes), lambda: embedder(crops), rounds
    )
    return {"boxes": BOXES, "frame": with_boxes, "crops": as_crops}


def starts(file: Path, rounds: int) -> Results:
    """Seconds of an import after torch, and of opening a model file, each in processes of their own."""
    program = (
        "import time, torch; start = time.perf_counter(); import mdpr; imported = time.perf_counter();"
        "from mdpr.inference.embedder import Embedder; before = time.perf_counter();"
        f"Embedder.from_file({str(file)!r}); opened = time.perf_counter();"
        "print(imported - start, before - imported, opened - before)"
    )
    runs = []
    for _ in range(rounds):
        printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        runs.append([float(seconds) for seconds in printed.stdout.split()])
    names = ("import_mdpr", "import_embedder", "from_file")
    return dict(zip(names, map(statistics.median, zip(*runs, strict=True)), strict=True))


def measure(options: argparse.Namespace) -> Results:
    cfg: CfgNode
    changes = QUICK if options.quick else []
    fixed = ["MODEL.DEVICE", "cpu", "MODEL.BACKBONE.PRETRAIN", "False", "MODEL.HEADS.NUM_CLASSES", "751"]
    cfg, _ = make_config(str(CONFIG), [*fixed, *changes])
    rounds = 1 if options.quick else options.rounds
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.safetensors"
        pack(from_config(cfg, build_network(cfg)), file)
        embedder = Embedder.from_file(file)
        return {
            "quick": options.quick,
            "machine": describe_machine(),
            "batches": batches(embedder, rounds),
            "frame": frame(embedder, rounds),
            "starts": {"megabytes": file.stat().st_size / 1e6, **starts(file, min(rounds, 3))},
        }


def sections(results: Results, _: str) -> list[str]:
    rows = []
    for row in results["batches"]:
        share = 100 * (row["embedder"] / row["network"] - 1)
        cells = [f"{row['images']}", f"{row['network']:.3f}", f"{row['embedder']:.3f}", f"{share:.1f}"]
        rows.append(cells)
    headers = ("images", "deployed network, s", "embedder, s", "more, %")
    one, start = results["frame"], results["starts"]
    return [
        table(rows, headers),
        f"A frame of {FRAME[1]} x {FRAME[0]} with {one['boxes']} boxes: {one['frame']:.3f} s; the same "
        f"pieces as a list of crops: {one['crops']:.3f} s.",
        f"After `import torch`: `import mdpr` {start['import_mdpr']:.2f} s, the embedder's module "
        f"{start['import_embedder']:.2f} s more; `Embedder.from_file` of {start['megabytes']:.0f} MB, "
        f"checksum included, {start['from_file']:.2f} s.",
    ]


PAGE = Page("embedding", sections, lambda _: [])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argument_parser(__doc__, PAGE)
    parser.add_argument("--rounds", type=int, default=5, help="pairs of calls, of which medians are taken")
    return run(PAGE, parser.parse_args(arguments), measure)


if __name__ == "__main__":
    sys.exit(main())
