"""Compute again the training step that left a nonfinite.pth, and say where it stops being finite."""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import mdpr  # noqa: F401 -- before fastreid, which it mends

# isort: split
import torch
from mdpr.engine.steps.replay import Replay, SavedStep
from mdpr.errors import MDPRError
from tabulate import tabulate

NAMES_SHOWN = 5


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="exit code: 0 where it happens again, 1 where it does not"
    )
    parser.add_argument("file", type=Path, help="the nonfinite.pth in the run's OUTPUT_DIR")
    parser.add_argument(
        "--device", help="cpu or cuda; default: cuda where the run had it and there is one"
    )
    parser.add_argument(
        "--float32", action="store_true", help="without mixed precision: is that to blame?"
    )
    parser.add_argument(
        "--anomaly",
        action="store_true",
        help="also run the backward pass under autograd's anomaly detection (NaNs only)",
    )
    return parser.parse_args(arguments)


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse_arguments(argv)
    try:
        step = SavedStep(arguments.file)
        device = arguments.device or _default_device(step)
        print(_origin(step))
        found = []
        for index, batch in enumerate(step.batches):
            replay = step.replay(
                index, device=device, float32=arguments.float32, anomaly=arguments.anomaly
            )
            print(f"\nbatch {index + 1} of {len(step.batches)}, {len(batch['images'])} images")
            print(report(replay, step.content["losses"][index]))
            found.append(not replay.is_finite)
    except (FileNotFoundError, MDPRError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0 if any(found) else 1


def report(replay: Replay, saved: dict[str, float]) -> str:
    """What a replay found, beside the terms that the run had."""
    rows = [
        (name, f"{saved.get(name, math.nan):g}", f"{value:g}", "" if math.isfinite(value) else "<-")
        for name, value in replay.losses.items()
    ]
    lines = [tabulate(rows, ["term", "in the run", "now", ""], disable_numparse=True), ""]
    if replay.bad_weights:
        lines.append(f"weights that are not finite before the step: {_few(replay.bad_weights)}")
    if not replay.images_finite:
        lines.append("the images themselves are not finite")
    lines.append(f"first output that is not finite: {replay.first_output or 'none in any module'}")
    if replay.first_gradient:
        lines.append(f"first bad gradient: of the output of {replay.first_gradient}")
    if replay.bad_gradients:
        lines.append(f"parameters with bad gradients: {_few(replay.bad_gradients)}")
    if replay.anomaly:
        lines.append(f"autograd: {replay.anomaly}")
    if replay.is_finite:
        lines.append("everything is finite this time")
    return "\n".join(lines)


def _origin(step: SavedStep) -> str:
    content = step.content
    return (
        f"iteration {content['iteration']}, process {content['process']}: the {content['reason']} "
        f"not finite (length of the gradient {content['gradient_norm']:g})"
    )


def _default_device(step: SavedStep) -> str:
    wanted = step.config.MODEL.DEVICE
    return wanted if wanted == "cpu" or torch.cuda.is_available() else "cpu"


def _few(names: list[str]) -> str:
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more


if __name__ == "__main__":
    sys.exit(main())
