"""Ten training steps of the whole method, small, in each number format.

A loss or gradients that are not finite end the step with an error, as they end a run.
"""

from typing import Any

import mdpr.host
import torch

from mdpr_doctor.configs import MINIATURE
from mdpr_doctor.finding import Finding, failed, not_here, ok
from mdpr_doctor.networks import MOST_OVERFLOWS, make_network, make_step, random_batch, take_step

_IDENTITIES = 4
_CLASSES = {"MODEL.HEADS.NUM_CLASSES": _IDENTITIES}


def check_steps(device: str, precision: str = "float32", steps: int = 10) -> Finding:
    """Train on one batch: all losses have to be finite, and the last one below the first.

    Args:
        device: where to compute.
        precision: "float32", "bfloat16" or "float16".
        steps: how many, >= 2; steps by which the gradient scaler of float16 finds its factor come on top.
    """
    if precision == "bfloat16" and device == "cpu" and not mdpr.host.cpu_computes_in_bfloat16():
        return not_here("this CPU would only emulate it: runs train in float32")
    network = make_network(device, MINIATURE, _CLASSES)
    batch = random_batch(device, 8, (64, 32), _IDENTITIES)
    step = make_step(network, batch, precision, MINIATURE, _CLASSES)
    losses: list[float] = []
    overflows = 0
    while len(losses) < steps and overflows < MOST_OVERFLOWS:
        overflow = take_step(step)
        loss = step.scalars.read()["total_loss"]
        if overflow:
            overflows += 1
        else:
            losses.append(loss)
    details: dict[str, Any] = {"losses": losses, "overflows": overflows}
    if torch.device(device).type == "cuda":
        details["peak_bytes"] = torch.cuda.max_memory_allocated()
    if len(losses) < steps:
        return failed(f"{overflows} overflows", "train in another format (SOLVER.AMP.DTYPE bf16)", **details)
    found = f"loss {losses[0]:.2f} to {losses[-1]:.2f} in {steps} steps"
    if not losses[-1] < losses[0]:
        return failed(f"{found}: it does not fall", "see the rows `fast-reid` and `parity`", **details)
    return ok(found, **details)
