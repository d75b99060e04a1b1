"""Evaluations that are killed while they write a file (kill -9), one after the other.

python killed_evaluation.py FOLDER: leaves FOLDER/earlier, a whole evaluation; FOLDER/<file>, the same
with a second evaluation on top, killed half-way through <file>; and FOLDER/first, where there was no
earlier one, killed half-way through the rankings.
"""

import io
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import mdpr  # noqa: F401 -- before fastreid, which it mends

# isort: split
import numpy as np
import torch
from mdpr.engine.trainer import Trainer
from support.configs import tiny_config


def evaluate(folder, seed):
    torch.manual_seed(seed)
    cfg = tiny_config(
        *("DATASETS.TESTS", ("DukeMTMC",), "DATALOADER.NUM_WORKERS", 0),
        *("TEST.MDPR.SAVE_FEATURES", True, "TEST.MDPR.SAVE_RANKINGS", True),
        *("OUTPUT_DIR", str(folder)),
    )
    Trainer.test(cfg, Trainer.build_model(cfg))


def stall_half_way(target, marker):
    """Make the write of ``target`` stop in the middle and never go on."""
    save, dump = np.savez, json.dump

    def stall(stream, content):
        stream.write(content[: len(content) // 2])
        stream.flush()
        marker.touch()
        time.sleep(600)

    def slow_save(stream, **arrays):
        if not target.endswith("features.npz" if "features" in arrays else "rankings.npz"):
            return save(stream, **arrays)
        whole = io.BytesIO()
        save(whole, **arrays)
        return stall(stream, whole.getvalue())

    def slow_dump(content, stream, **options):
        text = io.StringIO()
        dump(content, text, **options)
        stall(stream, text.getvalue())

    np.savez, json.dump = slow_save, slow_dump


def evaluate_and_kill(folder, target):
    """In a child process, killed as soon as it is half-way through ``target``."""
    marker = folder.with_name(f"{folder.name}.half_way")
    child = os.fork()
    if child == 0:
        stall_half_way(target, marker)
        evaluate(folder, seed=2)
        os._exit(1)  # it was to be killed before
    deadline = time.monotonic() + 120
    while not marker.exists():
        if time.monotonic() > deadline or os.waitpid(child, os.WNOHANG) != (0, 0):
            sys.exit(f"the evaluation did not get to {target}")
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL


def main():
    torch.set_num_threads(1)  # no threads that a fork would lose
    folder = Path(sys.argv[1])
    evaluate(folder / "earlier", seed=1)
    for target in [path.name for path in (folder / "earlier").iterdir()]:
        shutil.copytree(folder / "earlier", folder / target)
        evaluate_and_kill(folder / target, target)
    evaluate_and_kill(folder / "first", "DukeMTMC_rankings.npz")


if __name__ == "__main__":
    main()
