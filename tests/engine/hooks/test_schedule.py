"""The warm-up, step by step."""

from types import SimpleNamespace

import pytest
import torch
from fastreid.engine.hooks import LRScheduler
from fastreid.solver.lr_scheduler import WarmupLR
from fastreid.utils.events import EventStorage
from mdpr.engine.hooks.schedule import StepSchedule


@pytest.mark.filterwarnings("error")
def test_warm_up_ends_at_the_base_rate_whatever_the_scaler_leaves_out():
    parameter = torch.nn.Parameter(torch.zeros(1))

    def rates(hook_class, scaler):
        optimizer = torch.optim.SGD([parameter], lr=1.0)
        scheduler = WarmupLR(optimizer, 0.1, 4, "linear")
        if hook_class is LRScheduler:
            optimizer.step()  # a scheduler that goes first warns; ours does not
        hook = hook_class(optimizer, {"warmup_sched": scheduler})
        found = []
        with EventStorage() as storage:
            hook.trainer = SimpleNamespace(grad_scaler=scaler, storage=storage, warmup_iters=4, iter=0)
            for hook.trainer.iter in range(6):
                hook.before_step()
                hook.after_step()
                found.append(optimizer.param_groups[0]["lr"])
        return found

    class Scaler:
        """Leaves out the first step: its factor changes between two readings."""

        factors = iter([2.0, 1.0] + [1.0] * 20)

        def get_scale(self):
            return next(self.factors)

    assert rates(StepSchedule, Scaler())[-1] == 1.0
    assert rates(StepSchedule, None) == rates(LRScheduler, None)
    assert rates(LRScheduler, Scaler())[-1] < 1.0  # what is mended
