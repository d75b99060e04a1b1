"""Train MDPR for some minutes on persons drawn by this project, and show what came out and what it is for.

A run that was stopped goes on where it was; one that is finished is shown again.
"""

import argparse
import json
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import mdpr  # noqa: F401 -- before fastreid, which it mends
import numpy as np
from fastreid.config import CfgNode
from fastreid.engine.hooks import HookBase
from mdpr.cli.main import main as run_mdpr
from mdpr.engine.setup import make_config, start_run
from mdpr.engine.trainer import Trainer
from mdpr.errors import MDPRError
from mdpr.evaluation import load_rankings
from mdpr.launch import argument_parser, launch
from tabulate import tabulate

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / "configs/Synthetic/demo.yml"
TIMED = (2, 10)  # the steps after which a clock starts and stops; the very first take longer
STEPS_AFTER = 50  # what comes after training takes about as long as so many of its steps
FILES = {
    "report, a page": "report.html",
    "the model, for use": "model.safetensors",
    "scores": "results.json",
    "losses by step": "metrics.json",
    "log": "log.txt",
}

logger = logging.getLogger("mdpr.demo")


class TimeLeft(HookBase):
    """Says after a few steps how long all of it takes on this machine."""

    def after_step(self) -> None:
        steps, (begin, end) = self.trainer.clock.steps, TIMED
        if steps == begin:
            self._began = time.perf_counter()
        elif steps == end:
            seconds = (time.perf_counter() - self._began) / (end - begin)
            left = self.trainer.max_iter - self.trainer.iter - 1 + STEPS_AFTER
            logger.info("A step takes %.2f s: about %.0f min from here", seconds, left / 60 * seconds)


class DemoTrainer(Trainer):
    def build_hooks(self) -> list[HookBase]:
        return [*super().build_hooks(), TimeLeft()]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "logs/Synthetic/demo", help="folder of the run")
    parser.add_argument("options", nargs=argparse.REMAINDER, help="KEY VALUE ... for the training")
    options = parser.parse_args(arguments)
    folder, started = options.output, time.perf_counter()
    page, model = folder / FILES["report, a page"], folder / FILES["the model, for use"]
    try:
        cfg, notes = make_config(str(CONFIG), [*options.options, "OUTPUT_DIR", str(folder)])
        stem = str(folder / cfg.DATASETS.TESTS[0])
        if page.exists():
            print(f"Finished before. To begin anew, remove {folder}, or name another folder by --output.")
        else:
            print("Under ten minutes on two CPU cores; after ten steps a line says how long.", flush=True)
            launch(train, argument_parser().parse_args(["--resume"]), cfg, notes)
            command("pack", folder, model, "--force")
            command("calibrate", f"{stem}_features.npz", "--model", model, "--false-match-rate", 0.01)
            command("report", folder, "--out", page)
        compare(f"{stem}_rankings.npz", model)
    except MDPRError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    minutes, seconds = divmod(round(time.perf_counter() - started), 60)
    print(f"\n{summary(folder)}\n\n{minutes} min {seconds:02d} s. To go on: docs/getting_started.md")
    return 0


def train(options: argparse.Namespace, cfg: CfgNode, notes: Sequence[str]) -> None:
    """Train or go on with it, and evaluate."""
    trainer = DemoTrainer(start_run(cfg, options, notes))
    trainer.resume_or_load(resume=True)
    trainer.train()


def command(*arguments: object) -> None:
    """Run ``mdpr ARGUMENTS``; end where that fails."""
    line = [str(argument) for argument in arguments]
    print(f"\n$ mdpr {' '.join(line)}\n", flush=True)
    if code := run_mdpr(line):
        sys.exit(code)


def compare(rankings: str, model: Path) -> None:
    """Compare an image with one of its person by another camera, and with somebody else by that one."""
    queries = load_rankings(rankings)
    person, camera, path = queries.query_person, queries.query_camera, queries.query_path
    same = np.flatnonzero((person == person[0]) & (camera != camera[0]))[0]
    other = np.flatnonzero((person != person[0]) & (camera == camera[same]))[0]
    for second in (same, other):
        command("compare", path[0], path[second], "--model", model, "--parts")


def summary(folder: Path) -> str:
    """The scores, and where everything is."""
    results = json.loads((folder / "results.json").read_text())
    names = ("mAP", "Rank-1", "mINP")
    scores = [[name, *(of[each] for each in names)] for name, of in results.items() if "mAP" in of]
    table = tabulate(scores, ["MDPR on", *(f"{name} %" for name in names)], tablefmt="github", floatfmt=".2f")
    return f"{table}\n\n{tabulate([(what, folder / name) for what, name in FILES.items()], tablefmt='plain')}"


if __name__ == "__main__":
    sys.exit(main())
