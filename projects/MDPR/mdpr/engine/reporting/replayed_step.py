"""What a replay of a step that was not finite found, in words."""

import math

from tabulate import tabulate

from mdpr.engine.steps.replay import Replay, SavedStep

NAMES_SHOWN = 5


def origin(step: SavedStep) -> str:
    """Where in its run the step was, and what was wrong with it."""
    content = step.content
    return (
        f"iteration {content['iteration']}, process {content['process']}: the {content['reason']} "
        f"not finite (length of the gradient {content['gradient_norm']:g})"
    )


def replay_report(replay: Replay, saved: dict[str, float]) -> str:
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


def _few(names: list[str]) -> str:
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more
