"""A run that is killed and resumed, against one that is not."""

from pathlib import Path
from typing import Any

import mdpr.host  # noqa: F401 - before fast-reid, which it mends
import torch
from mdpr.checkpoint.checkpointer import LAST
from mdpr.checkpoint.reading import read_checkpoint
from torch import Tensor

from mdpr_doctor.configs import RUN
from mdpr_doctor.finding import Finding, failed, ok
from mdpr_doctor.miniature import draw_miniature
from mdpr_doctor.runs import LIMIT, temporary_folder, train

_ROUNDING = 0.08
"""By what share of their way since the kill weights may differ on a GPU, not all of whose sums have a fixed
order. Measured on a CPU: 0.02 between one and two threads, 0.14 where a resumed run loses the optimizer's
moments, 0.27 where it begins with other images."""
_PROGRAM = ("mdpr_doctor.child", "deterministic-run")
_ADVICE = "do not rely on --resume on this machine, and report it with the file of --json FILE"


def check_kill_and_resume(device: str, limit: float = LIMIT) -> Finding:
    """Whether both have the same weights in the end: on a CPU bit for bit, on a GPU up to rounding.

    Args:
        device: where to train.
        limit: seconds of each run.

    Raises:
        RuntimeError: a run failed.
    """
    with temporary_folder() as folder:
        draw_miniature(folder)
        output = folder / "killed"
        with train(folder / "whole", device, RUN, program=_PROGRAM) as whole:
            with train(output, device, RUN, program=_PROGRAM) as killed:
                killed.wait(limit, until=(output / LAST).exists)
            if not (output / LAST).exists():
                raise RuntimeError(f"no checkpoint to kill the run after\n{killed.printed[-3000:]}")
            before = _last(output)
            with train(output, device, RUN, arguments=("--resume",), program=_PROGRAM) as resumed:
                resumed.expect_success(limit)
            whole.expect_success(limit)
        after, expected, printed = _last(output), _last(folder / "whole"), resumed.printed
    found = f"killed after step {before['iteration']} of {expected['iteration']}, and resumed"
    if "Resuming from" not in printed or before["iteration"] == expected["iteration"]:
        return failed(f"{found}: it did not go on from there", _ADVICE, printed=printed[-3000:])
    return judge(device, found, before["model"], after["model"], expected["model"])


def judge(
    device: str, found: str, before: dict[str, Tensor], after: dict[str, Tensor], expected: dict[str, Tensor]
) -> Finding:
    """Whether a resumed run ended where the whole one did.

    Args:
        device: where they trained.
        found: what is known so far.
        before: weights when the run was killed.
        after: weights in its end.
        expected: weights in the end of the whole run.
    """
    unequal = [name for name, weight in expected.items() if not torch.equal(after[name], weight)]
    if not unequal:
        return ok(f"{found}: the same bits in the end")
    share = _distance(after, expected) / _distance(before, expected)
    found = f"{found}: weights differ by {share:.1e} of their way since"
    if device == "cpu" or not share <= _ROUNDING:
        return failed(found, _ADVICE, unequal=unequal, share=share)
    return ok(found, share=share)


def _distance(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    squares = [(one[name].double() - weight.double()).square().sum() for name, weight in other.items()]
    return torch.stack(squares).sum().sqrt().item()


def _last(output: Path) -> dict[str, Any]:
    """The last checkpoint of a run."""
    return read_checkpoint(output / (output / LAST).read_text().strip())
