"""The hooks of a run, in an order from which it can be resumed."""

from typing import Any

from fastreid.config import CfgNode
from fastreid.engine.hooks import (
    CallbackHook,
    HookBase,
    IterationTimer,
    LayerFreeze,
    PreciseBN,
    get_bn_modules,
)
from fastreid.utils import comm

from mdpr.config import changed
from mdpr.engine.hooks.evaluation import EvaluationHook
from mdpr.engine.hooks.metrics_writer import MetricsWriter
from mdpr.engine.hooks.rank_pictures import RankPictures
from mdpr.engine.hooks.schedule import StepSchedule
from mdpr.engine.reporting.loader_watch import LoaderWatch
from mdpr.engine.reporting.progress import ProgressReporter
from mdpr.engine.reporting.scalar_reader import ScalarReader
from mdpr.host import keep_freed_memory, return_free_memory


def build_hooks(trainer: Any) -> list[HookBase]:
    """fast-reid's hooks, with this project's schedule, reports, checkpoints and early stopping.

    Reports come behind the schedule, to tell this step's learning rate. What changes the run's state
    after an epoch comes behind evaluation (see `EvaluationHook`); checkpoints come last, and give back
    the memory they took.
    """
    cfg, model = trainer.cfg, trainer.model
    schedule, reader = StepSchedule(cfg, trainer.optimizer, trainer.scheduler), ScalarReader()
    # Timed from the first step on, so that a resumed run logs the same values as any other.
    hooks: list[HookBase] = [IterationTimer(warmup_iter=0), schedule, trainer.clock, reader]
    if comm.is_main_process():
        hooks += [ProgressReporter(reader), LoaderWatch()]
    if cfg.TEST.PRECISE_BN.ENABLED and get_bn_modules(model):
        hooks.append(_precise_bn(trainer, cfg))
    if cfg.MODEL.FREEZE_LAYERS and cfg.SOLVER.FREEZE_ITERS > 0:
        hooks.append(LayerFreeze(model, cfg.MODEL.FREEZE_LAYERS, cfg.SOLVER.FREEZE_ITERS))
    hooks += [
        EvaluationHook(cfg.TEST.EVAL_PERIOD, trainer.evaluate),
        trainer.early_stopping,
        CallbackHook(after_epoch=lambda _: schedule.finish_epoch()),
    ]
    if comm.is_main_process():
        if cfg.TEST.MDPR.SAVE_RANKINGS:
            hooks.append(RankPictures())
        hooks.append(MetricsWriter(cfg.SOLVER.LOG_PERIOD))
    # On a CPU, steps use again what steps before freed; what evaluation and checkpoints took goes back.
    keep = (lambda _: keep_freed_memory()) if cfg.MODEL.DEVICE == "cpu" else None
    memory = CallbackHook(before_train=keep, after_epoch=lambda _: return_free_memory())
    return [*hooks, trainer.checkpoint_hook, memory]


def _precise_bn(trainer: Any, cfg: CfgNode) -> PreciseBN:
    names = (cfg.TEST.PRECISE_BN.DATASET,)
    cfg = changed(cfg, "DATALOADER.NUM_WORKERS", 0, "DATASETS.NAMES", names)
    return PreciseBN(trainer.model, trainer.build_train_loader(cfg), cfg.TEST.PRECISE_BN.NUM_ITER)
