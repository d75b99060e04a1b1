"""fast-reid's trainer, for runs that can be left at any step and entered again at the same.

`Trainer` builds the parts of a run, `Trainer.resume_or_load` goes on from a checkpoint (`mdpr.engine.resume`
says what is restored, and from where) or loads ``MODEL.WEIGHTS``, and `Trainer.train` runs the epochs. All
files below are in this folder.

A step, in `Trainer._run_epochs`:

1. ``before_step`` of every hook: the clock starts (reporting/clock.py).
2. ``run_step`` (steps/training_step.py), for each of ``SOLVER.ACCUMULATE`` batches: the loader's next batch,
   the model's losses under autocast (steps/mixed_precision.py), the backward pass; what is logged stays on
   the device (steps/scalars.py). Then the length of the gradient, whether all of it is finite
   (steps/verdict.py), and the optimizer's step. The host reads the verdict a step later, or where
   somebody needs to know (``settle``): then the averaged weights follow (steps/ema.py), or the report of a
   step that was left out (steps/nonfinite.py).
3. The loader notes that the step has used its batches.
4. ``after_step`` of every hook, in the order of hooks/build.py: warm-up (hooks/schedule.py), the losses read
   every ``SOLVER.LOG_PERIOD`` steps and shown (reporting/), a line of curves (hooks/metrics_writer.py), a
   checkpoint within the epoch (hooks/checkpointing.py).
5. After a signal: a checkpoint, and the end (resume/signals.py).

An epoch: ``before_epoch`` of every hook, its steps, and ``after_epoch`` of every hook:

1. What is left of the losses is read, and a line logged (reporting/); fast-reid's ``PreciseBN``, if it is on.
2. A checkpoint, and the evaluation of all test sets where it is time (hooks/evaluation.py,
   `Trainer.evaluate`, evaluate_sets.py, results.py).
3. Whether it is the last epoch (hooks/early_stopping.py).
4. The learning rate of the next (hooks/schedule.py).
5. The last rank lists as pictures (hooks/rank_pictures.py), and a line of curves with the metrics
   (hooks/metrics_writer.py), which the loggers get as well (loggers/writer.py).
6. ``model_best``, and the checkpoint of the epoch or of the run (hooks/checkpointing.py), which a thread
   writes from a copy (checkpoint/background.py) while the next steps run.
7. Memory that lies idle goes back to the system (hooks/build.py).
"""

import logging
from collections import OrderedDict
from typing import Any

from fastreid.config import CfgNode
from fastreid.engine import DefaultTrainer
from fastreid.engine.hooks import HookBase
from fastreid.utils import comm
from fastreid.utils.events import EventStorage, EventWriter
from torch import nn
from torch.utils.data import DataLoader

from mdpr.checkpoint.checkpointer import SafeCheckpointer
from mdpr.checkpoint.reading import AVERAGED
from mdpr.data.loader import build_test_loader, build_train_loader
from mdpr.data.validation import evaluated_sets
from mdpr.engine.data_parallel import distribute
from mdpr.engine.evaluate_sets import evaluate_sets, evaluator_of
from mdpr.engine.evaluations import Evaluations, shared_scores
from mdpr.engine.hooks.build import build_hooks
from mdpr.engine.hooks.checkpointing import CheckpointHook
from mdpr.engine.hooks.early_stopping import EarlyStopping
from mdpr.engine.hooks.schedule import build_schedulers
from mdpr.engine.loggers.writer import LoggerWriter
from mdpr.engine.network import build_network
from mdpr.engine.reporting.clock import RunClock
from mdpr.engine.reporting.summary import run_summary
from mdpr.engine.resume.metrics_history import curve_writers
from mdpr.engine.resume.run_checkpoints import RunCheckpoints
from mdpr.engine.resume.signals import SignalWatch, StoppedBySignal
from mdpr.engine.run_rules import RUN_RULES
from mdpr.engine.steps import TrainingStep
from mdpr.engine.steps.build import build_step, steps_per_epoch
from mdpr.errors import MDPRError
from mdpr.evaluation import ReidEvaluator
from mdpr.rules import check_rules

logger = logging.getLogger(__name__)


class Trainer(DefaultTrainer):
    """Trains and evaluates any fast-reid architecture, MDPR above all.

    Raises:
        ConfigError: a value that training cannot work with.
        DatasetError: the training set is missing or malformed.
    """

    # fast-reid's factory methods, for a subclass to replace.
    build_lr_scheduler = staticmethod(build_schedulers)
    build_train_loader = staticmethod(build_train_loader)
    build_test_loader = staticmethod(build_test_loader)

    start_epoch = 0  # epochs that are done, with all that comes after an epoch
    start_iter = 0  # steps that are done
    stop_after_epoch = False  # whether the present epoch is the last one

    def __init__(self, cfg: CfgNode) -> None:
        super(DefaultTrainer, self).__init__()  # fast-reid's own builds parts that are not ours
        data_loader = self.build_train_loader(cfg)
        train_set: Any = data_loader.dataset
        cfg = self.auto_scale_hyperparams(cfg, train_set.num_classes)
        model = self.build_model(cfg)
        optimizer, parameters = self.build_optimizer(cfg, model)
        model = distribute(model)
        check_rules(cfg, RUN_RULES)
        self._trainer = build_step(cfg, model, data_loader, optimizer, parameters)

        self.cfg = cfg
        self.images_per_step = cfg.SOLVER.IMS_PER_BATCH * cfg.SOLVER.ACCUMULATE
        # Everything that is counted in iterations counts steps of the optimizer.
        self.iters_per_epoch = steps_per_epoch(cfg, len(train_set))
        self.max_epoch = cfg.SOLVER.MAX_EPOCH
        self.max_iter = self.max_epoch * self.iters_per_epoch
        self.warmup_iters = cfg.SOLVER.WARMUP_ITERS
        self.delay_epochs = cfg.SOLVER.DELAY_EPOCHS
        self.scheduler = self.build_lr_scheduler(cfg, optimizer, self.iters_per_epoch)
        self.signals = signals = SignalWatch()
        self.step.signal = lambda: signals.received
        self.evaluations = Evaluations()
        self._last_eval_results: OrderedDict[str, Any] = OrderedDict()
        self.clock = RunClock()
        self.early_stopping = EarlyStopping(self.evaluations, cfg.SOLVER.EARLY_STOPPING)
        self.checkpoint_hook = CheckpointHook(cfg)
        self.checkpointer = SafeCheckpointer(
            model,
            cfg.OUTPUT_DIR,
            save_to_disk=comm.is_main_process(),
            background=True,
            prefer_averaged=cfg.SOLVER.EMA.LOAD,
            **self.checkpointables(),
        )
        self.checkpoints = RunCheckpoints(self)
        self.register_hooks(self.build_hooks())

    def checkpointables(self) -> dict[str, Any]:
        """The objects whose states a checkpoint holds beside the weights, by their names in the file."""
        parts = {
            "optimizer": self.optimizer,
            **self.scheduler,  # "lr_sched", "warmup_sched"
            "loader": self.data_loader,
            "best": self.checkpoint_hook,
            "nonfinite": self.step.guard,
            "evaluations": self.evaluations,
        }
        optional = {"scaler": self.grad_scaler, AVERAGED: self.step.averaged}
        return parts | {name: part for name, part in optional.items() if part is not None}

    def resume_or_load(self, resume: bool = True) -> None:
        """Continue the run in ``OUTPUT_DIR``, or start from ``MODEL.WEIGHTS``.

        Args:
            resume: whether to continue, where there is a checkpoint.

        Raises:
            CheckpointError: no checkpoint is sound, or it is not of this model.
        """
        self.checkpoints.remove_leftovers()
        done = self.checkpoints.resume() if resume else None
        if done is not None:
            self.start_epoch, self.start_iter = done
            return
        if resume:
            logger.info("--resume: no checkpoint in %s yet, starting anew", self.cfg.OUTPUT_DIR)
        self.checkpointer.load(self.cfg.MODEL.WEIGHTS, checkpointables=[])

    def train(self) -> OrderedDict[str, Any]:
        """Train to the last epoch, or until early stopping ends it.

        Returns:
            Metrics of the last evaluation, in percent; empty in processes other than the first.

        Raises:
            StoppedBySignal: SIGTERM or SIGINT came; everything is saved.
        """
        finished = self.why_finished()
        if finished is not None:
            logger.info("%s: evaluating the last checkpoint", finished)
            self.checkpoints.save_as_final()
            return self.test(self.cfg, self.step.model_to_evaluate)
        logger.info("Starting training from epoch %d", self.start_epoch)
        self.iter = self.start_iter
        with self.signals, EventStorage(self.start_iter) as self.storage:
            self.checkpoints.restore_history(self.storage)
            try:
                self.before_train()
                self.checkpoints.restore_process()
                self._run_epochs()
                self.checkpointer.wait()
            except MDPRError:
                raise  # says all there is to say
            except Exception:
                logger.exception("Exception during training:")
                raise
            finally:
                self.after_train()
                self.data_loader.close()
        if comm.is_main_process():
            logger.info("\n%s", run_summary(self))
        return self._last_eval_results

    def _run_epochs(self) -> None:
        for epoch in range(self.start_epoch, self.max_epoch):
            self.epoch = epoch
            self.before_epoch()
            while self.iter < (self.epoch + 1) * self.iters_per_epoch:
                self.before_step()
                self.run_step()
                self.data_loader.commit()
                self.after_step()
                self.iter += 1
                self._stop_after_signal()
            self.step.settle()
            # A run that was resumed right before an evaluation has no step of its own in the epoch.
            self.storage.iter = self.iter - 1
            self.after_epoch()
            if self.is_last_epoch:
                break

    def _stop_after_signal(self) -> None:
        number = self.step.agreed_signal
        if not number:
            return
        self.checkpoints.save_here()
        place = f"step {self.iter} of {self.max_iter}"
        logger.info("Stopped by signal %d after %s, saved: go on with --resume", number, place)
        raise StoppedBySignal(number)

    def why_finished(self) -> str | None:
        """Why there is nothing (more) to train; None where there is."""
        if self.start_epoch >= self.max_epoch:
            return f"All {self.max_epoch} epochs are done"
        return self.early_stopping.reason

    def end_after_this_epoch(self, reason: str) -> None:
        """Make the present epoch the last one: its checkpoint is the final one.

        To be called in ``after_epoch`` in every process, before the hook that writes checkpoints.
        """
        self.stop_after_epoch = True
        logger.info("%s", reason)

    @property
    def is_last_epoch(self) -> bool:
        """Whether no epoch follows this one."""
        return self.stop_after_epoch or self.epoch + 1 >= self.max_epoch

    @property
    def step(self) -> TrainingStep:
        """What does the work of an iteration."""
        return self._trainer

    def evaluate(self) -> OrderedDict[str, Any]:
        """Evaluate what is trained so far, and remember what came out.

        Returns:
            As `test`.
        """
        with self.clock.evaluating():
            self._last_eval_results = self.test(self.cfg, self.step.model_to_evaluate)
        tests = evaluated_sets(self.cfg)
        first_set = tests[0] if len(tests) > 1 else None
        self.evaluations.add(self.epoch + 1, shared_scores(self._last_eval_results, first_set))
        return self._last_eval_results

    def build_hooks(self) -> list[HookBase]:
        """See `mdpr.engine.hooks.build`."""
        return build_hooks(self)

    def build_writers(self) -> list[EventWriter]:
        """``metrics.json``, TensorBoard and ``SOLVER.LOGGERS``, from the first step that will be done."""
        curves = curve_writers(self.cfg.OUTPUT_DIR, self.start_iter)
        position = {"resumed": self.start_iter > 0, "last_step": curves[0]._last_write}
        return [*curves, *(LoggerWriter(self.cfg, name, **position) for name in self.cfg.SOLVER.LOGGERS)]

    @classmethod
    def build_model(cls, cfg: CfgNode) -> nn.Module:
        """Build ``MODEL.META_ARCHITECTURE`` and log its size."""
        model = build_network(cfg)
        millions = sum(p.numel() for p in model.parameters()) / 1e6
        logger.info("%s: %.1f M parameters", cfg.MODEL.META_ARCHITECTURE, millions)
        return model

    @classmethod
    def build_evaluator(
        cls, cfg: CfgNode, dataset_name: str, output_dir: str | None = None
    ) -> tuple[DataLoader, ReidEvaluator]:
        """The test loader of a set, and the evaluator that goes with it."""
        loader, num_query = cls.build_test_loader(cfg, dataset_name)
        return loader, evaluator_of(cfg, dataset_name, loader, num_query, output_dir)

    @classmethod
    def test(cls, cfg: CfgNode, model: nn.Module) -> OrderedDict[str, Any]:
        """See `mdpr.engine.evaluate_sets.evaluate_sets`."""
        return evaluate_sets(cfg, model, cls.build_evaluator)
