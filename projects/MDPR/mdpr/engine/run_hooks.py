"""fast-reid's hooks with this project's schedule, reports and early stopping in their places."""

import os
from collections.abc import Sequence
from typing import Any

from fastreid.engine.hooks import EvalHook, HookBase, LRScheduler, PeriodicWriter
from fastreid.utils import comm

from mdpr.engine.reporting import LoaderWatch, ProgressReporter, RunWriter, ScalarReader
from mdpr.engine.schedule import ScheduleByIteration

__all__ = ["with_own_hooks"]


def with_own_hooks(trainer: Any, hooks: Sequence[HookBase]) -> list[HookBase]:
    """The hooks of a run, in their order.

    Reports come behind the scheduler, to tell this step's learning rate, and before evaluation; early
    stopping between evaluation and checkpoints.

    Args:
        trainer: an `mdpr.engine.trainer.Trainer`.
        hooks: of ``DefaultTrainer.build_hooks``.
    """
    result: list[HookBase] = []
    for hook in hooks:
        if isinstance(hook, LRScheduler):
            result.append(ScheduleByIteration(trainer.optimizer, trainer.scheduler))
            result += _reports(trainer)
        elif isinstance(hook, EvalHook):
            result.append(EvalHook(trainer.cfg.TEST.EVAL_PERIOD, trainer.evaluate))
            result.append(trainer.early_stopping)
        elif isinstance(hook, PeriodicWriter):
            result.append(RunWriter(hook._writers, trainer.settings.log_period))
        else:
            result.append(hook)
    return result


def _reports(trainer: Any) -> list[HookBase]:
    clock, images = trainer.clock, trainer.images_per_step
    reader = ScalarReader(clock, trainer.settings.log_period, images)
    reports: list[HookBase] = [clock, reader]
    if comm.is_main_process():
        cores = len(os.sched_getaffinity(0))
        workers = min(trainer.cfg.DATALOADER.NUM_WORKERS, cores)  # as the loader limits them
        reports += [
            ProgressReporter(clock, reader, images),
            LoaderWatch(clock, workers, max(1, cores // comm.get_local_size())),
        ]
    return reports
