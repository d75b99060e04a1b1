"""Train and evaluate a small network over and over in several processes, and watch their memory.

Exit code 1 where memory grows, or where no epoch ends for too long.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import mdpr  # noqa: F401 -- before fastreid, which it mends

if __name__ == "__main__":  # run as a file, which puts its own folder on the path
    sys.path[0] = str(Path(__file__).resolve().parents[1])

# isort: split
from fastreid.config import CfgNode
from fastreid.engine.hooks import HookBase
from mdpr.data.datasets import SynthPersons
from mdpr.data.datasets.base import register
from mdpr.engine.setup import make_config, start_run
from mdpr.engine.trainer import Trainer
from mdpr.errors import MDPRError, ProcessFailedError
from mdpr.launch import argument_parser, launch
from synth_persons.spec import SynthPersonsSpec
from tabulate import tabulate

from endurance.memory_growth import MemoryRecorder, StallWatch, growth, read_memory

CONFIG = Path(__file__).resolve().parents[2] / "configs/Synthetic/mdpr_R18.yml"
DATASET = "('SynthPersonsMiniature',)"
OPTIONS = (
    *("MODEL.DEVICE", "cpu", "MODEL.MDPR.EMBEDDING_DIM", "32"),
    *("DATASETS.NAMES", DATASET, "DATASETS.TESTS", DATASET),
    *("INPUT.SIZE_TRAIN", "[64,32]", "INPUT.SIZE_TEST", "[64,32]"),
    *("SOLVER.IMS_PER_BATCH", "16", "DATALOADER.NUM_INSTANCE", "4"),
    *("SOLVER.WARMUP_ITERS", "3", "SOLVER.CHECKPOINT_PERIOD", "5", "TEST.EVAL_PERIOD", "1"),
)


@register
class SynthPersonsMiniature(SynthPersons):
    """Another, smaller SynthPersons: 48 training images, 48 to test on."""

    spec = SynthPersonsSpec(
        train_identities=16,
        test_identities=8,
        cameras=3,
        gallery_images_per_camera=1,
        distractors=0,
        junk=0,
        height=64,
        width=32,
    )


class SoakTrainer(Trainer):
    """A trainer that records memory."""

    def build_hooks(self) -> list[HookBase]:
        return [*super().build_hooks(), MemoryRecorder(self.cfg.OUTPUT_DIR)]


def soak(args: argparse.Namespace, cfg: CfgNode, notes: list[str]) -> None:
    """Run in every process."""
    trainer = SoakTrainer(start_run(cfg, args, notes))
    trainer.resume_or_load(resume=False)
    trainer.train()


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--settled", type=int, default=5, help="epoch to compare with")
    parser.add_argument("--limit", type=float, default=5.0, help="growth allowed, in percent")
    parser.add_argument("--stall-seconds", type=float, default=300.0, help="longest time an epoch may take")
    parser.add_argument("--output", type=Path, help="folder of the run; default: a temporary one")
    parser.add_argument("--json", type=Path, help="also write what was found to this file")
    parsed = parser.parse_args(arguments)
    if not 1 <= parsed.settled < parsed.epochs:
        parser.error(f"--settled is {parsed.settled}: expected 1 to {parsed.epochs - 1} (--epochs)")
    return parsed


def run(arguments: argparse.Namespace, folder: Path) -> list[str]:
    """Train; return what went wrong."""
    os.environ.setdefault("FASTREID_DATASETS", str(folder / "datasets"))
    options = (*OPTIONS, "SOLVER.MAX_EPOCH", str(arguments.epochs), "OUTPUT_DIR", str(folder))
    flags = ("--config-file", str(CONFIG), "--num-gpus", str(arguments.processes))
    watch = StallWatch(folder, arguments.stall_seconds)
    try:
        with watch:
            args = argument_parser().parse_args([*flags, *options])
            launch(soak, args, *make_config(args.config_file, args.opts))
    except SystemExit as ended:
        if not watch.stalled:
            return [f"the run was ended (exit code {ended.code})"]
        return [f"no epoch ended within {arguments.stall_seconds:g} s"]
    except (MDPRError, ProcessFailedError) as error:
        return [str(error)]
    return []


def report(arguments: argparse.Namespace, folder: Path, seconds: float, problems: list[str]) -> dict:
    memory = read_memory(folder)
    grown = {} if problems else growth(memory, arguments.settled)
    problems += [
        f"memory of rank {rank} grew by {percent:.1f} % after epoch {arguments.settled}"
        for rank, percent in grown.items()
        if percent > arguments.limit
    ]
    return {
        "processes": arguments.processes,
        "epochs": arguments.epochs,
        "seconds": round(seconds, 1),
        "resident_mib": {
            rank: [round(value / 2**20, 1) for value in values] for rank, values in memory.items()
        },
        "growth_percent": {rank: round(percent, 2) for rank, percent in grown.items()},
        "problems": problems,
    }


def show(found: dict) -> None:
    columns = found["resident_mib"]
    rows = enumerate(zip(*columns.values(), strict=False), start=1)
    head = ["epoch", *(f"rank {rank}, MiB" for rank in columns)]
    print(tabulate([[epoch, *values] for epoch, values in rows], head, tablefmt="github"))
    for rank, percent in found["growth_percent"].items():
        print(f"rank {rank}: {percent:+.2f} %")
    print("\n".join(f"FAILED: {problem}" for problem in found["problems"]) or "passed")


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse_arguments(argv)
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.output or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        problems = run(arguments, folder)
        found = report(arguments, folder, time.perf_counter() - started, problems)
    show(found)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")
    return 1 if found["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
