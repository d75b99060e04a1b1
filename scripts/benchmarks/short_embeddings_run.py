"""Train the demo's network with short forms of its feature, and save what short_embeddings.py measures.

    python scripts/benchmarks/short_embeddings_run.py --device cuda --output FOLDER

The folder gets test_whole.npz and test_nested.npz (as TEST.MDPR.SAVE_FEATURES writes them), train_whole.npz
and run.json; checkpoints stay in --run.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mdpr  # noqa: F401 - before fast-reid
import numpy as np
import torch
from mdpr.data.registry import load_dataset
from mdpr.engine.resume.resume_points import named_last
from mdpr.engine.setup import make_config
from mdpr.evaluation import SavedFeatures, save_features
from mdpr.inference.embedder import Embedder

from benchmarks.measuring import describe_machine

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "configs/Synthetic/mdpr_R18.yml"
DATASET, DIMS = "SynthPersons", (64, 128, 256, 512)
QUICK: list[Any] = [
    *("MODEL.MDPR.EMBEDDING_DIM", 16, "INPUT.SIZE_TRAIN", [64, 32], "INPUT.SIZE_TEST", [64, 32]),
    *("SOLVER.MAX_EPOCH", 1, "SOLVER.WARMUP_ITERS", 1, "SOLVER.CHECKPOINT_PERIOD", 1, "TEST.EVAL_PERIOD", 1),
]
QUICK_DIMS = (16, 32, 64, 128)


def train(folder: Path, device: str, dims: Sequence[int], options: Sequence[Any]) -> float:
    """Train; the seconds that took."""
    settings = ["OUTPUT_DIR", folder, "MODEL.DEVICE", device, "MODEL.MDPR.NESTED_DIMS", list(dims), *options]
    command = [sys.executable, ROOT / "projects/MDPR/train_net.py", "--config-file", CONFIG, *settings]
    start = time.perf_counter()
    subprocess.run([str(part) for part in command], cwd=ROOT, check=True)
    return time.perf_counter() - start


def embedder_of(folder: Path, device: str, tested: int) -> Embedder:
    """Of the last checkpoint: of the whole feature (0), or of the first ``tested`` numbers of the short."""
    settings = ["MODEL.DEVICE", "cpu", "MODEL.BACKBONE.PRETRAIN", "False", "TEST.MDPR.NESTED_DIM", tested]
    cfg, _ = make_config(str(folder / "config.yaml"), settings)
    return Embedder((cfg, str(named_last(folder))), device, batch_size=128)


def test_features(embedder: Embedder) -> SavedFeatures:
    dataset: Any = load_dataset(DATASET, embedder.cfg)
    paths, persons, cameras = zip(*dataset.query, *dataset.gallery, strict=True)
    is_query = np.arange(len(paths)) < len(dataset.query)
    features = embedder(list(paths), normalize=False)
    return SavedFeatures(features, np.array(persons, np.int64), np.array(cameras, np.int64), is_query)


def save_all(folder: Path, output: Path, device: str, longest: int) -> None:
    """Features of a run, into the files that short_embeddings.py reads."""
    whole = embedder_of(folder, device, 0)
    save_features(output / "test_whole.npz", test_features(whole))
    dataset: Any = load_dataset(DATASET, whole.cfg)
    np.savez(
        output / "train_whole.npz", features=whole([path for path, *_ in dataset.train], normalize=False)
    )
    save_features(output / "test_nested.npz", test_features(embedder_of(folder, device, longest)))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for the features")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument(
        "--run", type=Path, help="folder of the run; one that is trained is not trained again"
    )
    parser.add_argument(
        "--quick", action="store_true", help="one epoch of a miniature, whose scores mean nothing"
    )
    parser.add_argument("options", nargs=argparse.REMAINDER, help="KEY VALUE ... for the training")
    given = parser.parse_args(arguments)
    dims = QUICK_DIMS if given.quick else DIMS
    given.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.run or Path(temporary) / "run"
        seconds = None
        if not (folder / "results.json").is_file():
            seconds = train(folder, given.device, dims, [*(QUICK if given.quick else []), *given.options])
        save_all(folder, given.output, given.device, dims[-1])
        about = {
            "quick": given.quick,
            "machine": describe_machine(),
            "device": "cpu" if given.device == "cpu" else torch.cuda.get_device_name(given.device),
            "seconds": seconds,
            "nested_dims": dims,
            "results": json.loads((folder / "results.json").read_text()),
        }
    (given.output / "run.json").write_text(json.dumps(about, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
