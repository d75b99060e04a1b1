"""A longer warm-up for the layers that no pretrained backbone has (``SOLVER.NEW_LAYERS_WARMUP_ITERS``).

At step n, with the schedule's learning rate l(n), whose warm-up is w over ``WARMUP_ITERS``, new layers have

    l(n) v(n) / w(n)

where v is the same warm-up over the longer time: they warm up by v alone, and then follow the schedule. l(n)
is kept beside the learning rate in their groups, which are part of the optimizer's state: a resumed run
goes on with both.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from fastreid.config import CfgNode
from fastreid.solver.lr_scheduler import _get_warmup_factor_at_epoch
from torch.optim import Optimizer

from mdpr.compat.optimizer import NEW_LAYERS

SCHEDULED = "scheduled_lr"


@contextmanager
def schedule_of_all(cfg: CfgNode, optimizer: Optimizer, step: int) -> Iterator[None]:
    """Within, new layers have the learning rate of the schedule; behind, their own of a step.

    Args:
        cfg: ``SOLVER`` is read.
        optimizer: of groups by `mdpr.compat.optimizer.parameter_groups`; without new layers nothing is done.
        step: of the run, >= 0: the one that comes next.
    """
    groups = [group for group in optimizer.param_groups if group.get(NEW_LAYERS)]
    for group in groups:
        group["lr"] = group.get(SCHEDULED, group["lr"])
    yield
    for group in groups:
        group[SCHEDULED] = group["lr"]
        group["lr"] *= _share(cfg, step)


def _share(cfg: CfgNode, step: int) -> float:
    """v(n) / w(n); 1 where w(n) is 0, and with it the learning rate."""
    node = cfg.SOLVER
    own, common = (
        _get_warmup_factor_at_epoch(node.WARMUP_METHOD, step, steps, node.WARMUP_FACTOR)
        for steps in (node.NEW_LAYERS_WARMUP_ITERS, node.WARMUP_ITERS)
    )
    return own / common if common else 1.0
