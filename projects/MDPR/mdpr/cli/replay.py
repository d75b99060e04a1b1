"""Compute again the training step that left a nonfinite.pth, and say where it stops being finite."""

import argparse
from pathlib import Path

import torch

from mdpr.cli.reporting import say, subcommand
from mdpr.engine.reporting.replayed_step import origin, replay_report
from mdpr.engine.steps.replay import SavedStep


def _replay(options: argparse.Namespace) -> int:
    step = SavedStep(options.file)
    device = options.device or _default_device(step)
    say(origin(step))
    happened = False
    for index, batch in enumerate(step.batches):
        replay = step.replay(index, device=device, float32=options.float32, anomaly=options.anomaly)
        say(f"\nbatch {index + 1} of {len(step.batches)}, {len(batch['images'])} images")
        say(replay_report(replay, step.content["losses"][index]))
        happened = happened or not replay.is_finite
    return 0 if happened else 1


def _default_device(step: SavedStep) -> str:
    wanted = step.config.MODEL.DEVICE
    return wanted if wanted == "cpu" or torch.cuda.is_available() else "cpu"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mdpr replay",
        description=__doc__,
        epilog="exit code: 0 where it happens again, 1 where it does not",
    )
    parser.add_argument("file", type=Path, help="the nonfinite.pth in the run's OUTPUT_DIR")
    parser.add_argument("--device", help="cpu or cuda; default: cuda where the run had it and there is one")
    parser.add_argument("--float32", action="store_true", help="without mixed precision: is that to blame?")
    parser.add_argument(
        "--anomaly",
        action="store_true",
        help="also run the backward pass under autograd's anomaly detection (NaNs only)",
    )
    return parser


main = subcommand(_parser, _replay)
