"""fast-reid's trainer with this project's loaders, checkpoints, evaluation and reports."""

import logging
from collections import OrderedDict
from pathlib import Path
from typing import Any

from fastreid.config import CfgNode
from fastreid.engine.hooks import HookBase
from fastreid.evaluation import inference_on_dataset
from fastreid.utils import comm
from fastreid.utils.events import EventWriter
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler
from torch.utils.data import DataLoader

from mdpr.checkpoint.checkpointer import SafeCheckpointer
from mdpr.checkpoint.reading import AVERAGED
from mdpr.data.loader import build_test_loader, build_train_loader
from mdpr.data.train_loader import TrainLoader
from mdpr.engine.checkpointing import CheckpointHook
from mdpr.engine.data_parallel import bare, distribute, share_buffers
from mdpr.engine.early_stopping import EarlyStopping
from mdpr.engine.evaluated_form import evaluated_form
from mdpr.engine.evaluations import Evaluations
from mdpr.engine.metrics_history import MetricsFile, TensorBoard
from mdpr.engine.network import build_network
from mdpr.engine.reporting import RunClock, RunSummary
from mdpr.engine.results import METRICS, results_table, write_results
from mdpr.engine.run_hooks import run_hooks
from mdpr.engine.run_loop import ResumableTrainer
from mdpr.engine.steps import TrainingStep
from mdpr.engine.steps.build import build_step
from mdpr.engine.training_settings import TrainingSettings
from mdpr.errors import ConfigError
from mdpr.evaluation import ReidEvaluator, SubmissionWriter

__all__ = ["Trainer"]

logger = logging.getLogger(__name__)


class Trainer(ResumableTrainer):
    """Trains and evaluates any fast-reid architecture, MDPR above all.

    fast-reid's loop, hooks, optimizers and schedulers; `SafeCheckpointer`, this project's loaders and
    progress, and ``results.json`` after every evaluation.
    """

    def __init__(self, cfg: CfgNode) -> None:
        """
        Args:
            cfg: the full config.

        Raises:
            ConfigError: a value that training cannot work with.
            DatasetError: the training set is missing or malformed.
        """
        super().__init__()
        data_loader = self.build_train_loader(cfg)
        train_set: Any = data_loader.dataset
        cfg = self.auto_scale_hyperparams(cfg, train_set.num_classes)
        model = self.build_model(cfg)
        optimizer, parameters = self.build_optimizer(cfg, model)
        model = distribute(model)
        self.settings = TrainingSettings.from_config(cfg)
        self._trainer = build_step(
            cfg, model, data_loader, optimizer, parameters, settings=self.settings
        )

        self.cfg = cfg
        self._set_length(len(train_set))
        self.scheduler = self.build_lr_scheduler(cfg, optimizer, self.iters_per_epoch)
        self.evaluations = Evaluations()
        self.clock = RunClock()
        self.early_stopping = EarlyStopping(
            self.evaluations,
            patience=self.settings.patience,
            metric=self.settings.metric,
            min_delta=self.settings.min_delta,
        )
        self.checkpoint_hook = CheckpointHook(
            cfg.SOLVER.CHECKPOINT_PERIOD,
            cfg.SOLVER.CHECKPOINT_EVERY_ITERATIONS,
            "metric" if len(cfg.DATASETS.TESTS) == 1 else f"{cfg.DATASETS.TESTS[0]}/metric",
        )
        self.checkpointer = SafeCheckpointer(
            model,
            cfg.OUTPUT_DIR,
            save_to_disk=comm.is_main_process(),
            prefer_averaged=cfg.SOLVER.EMA.LOAD,
            **self.checkpointables(),
        )
        self.register_hooks(self.build_hooks())

    def _set_length(self, images: int) -> None:
        """Everything that is counted in iterations counts steps of the optimizer."""
        solver = self.cfg.SOLVER
        self.images_per_step = solver.IMS_PER_BATCH * self.settings.accumulate
        self.iters_per_epoch = images // self.images_per_step
        if self.iters_per_epoch == 0:
            raise ConfigError(
                f"SOLVER.ACCUMULATE is {self.settings.accumulate} at SOLVER.IMS_PER_BATCH "
                f"{solver.IMS_PER_BATCH}: expected a step of no more than the {images} training images"
            )
        self.max_epoch = solver.MAX_EPOCH
        self.max_iter = self.max_epoch * self.iters_per_epoch
        self.warmup_iters = solver.WARMUP_ITERS
        self.delay_epochs = solver.DELAY_EPOCHS
        if self.warmup_iters >= self.max_iter:
            logger.warning(
                "SOLVER.WARMUP_ITERS is %d and training has %d steps: the learning rate never "
                "reaches SOLVER.BASE_LR",
                self.warmup_iters,
                self.max_iter,
            )

    def train(self) -> OrderedDict[str, Any]:
        """Train to the last epoch, or until early stopping ends it; see `ResumableTrainer.train`."""
        trains = self.over() is None
        results = super().train()
        if trains and comm.is_main_process():
            logger.info("\n%s", self._summary().table())
        return results

    def over(self) -> str | None:
        """Why there is nothing (more) to train, early stopping included; None where there is."""
        return super().over() or self.early_stopping.reason

    def end_after_this_epoch(self, reason: str) -> None:
        """Make the present epoch the last one: its checkpoint is the final one.

        To be called in ``after_epoch`` in every process, before the hook that writes checkpoints.

        Args:
            reason: a sentence for the log.
        """
        self.stop_after_epoch = True
        logger.info("%s", reason)

    def checkpointables(self) -> dict[str, Any]:
        """What a checkpoint holds beside the weights: whatever a resumed run cannot do without.

        Returns:
            Objects with ``state_dict`` and ``load_state_dict``, by their names in the file.
        """
        parts = {
            "optimizer": self.optimizer,
            **self.scheduler,
            "loader": self.data_loader,
            "best": self.checkpoint_hook,
            "nonfinite": self.step.guard,
            "evaluations": self.evaluations,
        }
        optional = {"scaler": self.grad_scaler, AVERAGED: self.step.averaged}
        return parts | {name: part for name, part in optional.items() if part is not None}

    def save_checkpoint(self, name: str, **beside: Any) -> None:
        """See `ResumableTrainer.save_checkpoint`; what the log has yet to tell goes with it."""
        super().save_checkpoint(name, unread_scalars=self.step.scalars.gather_states(), **beside)

    def restore_process(self, resumed: dict[str, Any]) -> None:
        """See `ResumableTrainer.restore_process`."""
        super().restore_process(resumed)
        unread = resumed.get("unread_scalars", [])
        if len(unread) == comm.get_world_size():
            self.step.scalars.load_state_dict(unread[comm.get_rank()])

    @property
    def step(self) -> TrainingStep:
        """What does the work of an iteration."""
        return self._trainer

    def build_hooks(self) -> list[HookBase]:
        """See `run_hooks`."""
        return run_hooks(self)

    def model_to_evaluate(self) -> nn.Module:
        """The averaged weights where there are any, else those being trained."""
        averaged = self.step.averaged
        return self.model if averaged is None or not averaged.steps else averaged.model

    def evaluate(self) -> OrderedDict[str, Any]:
        """Evaluate what is trained so far, and remember what came out.

        Returns:
            As `test`.
        """
        with self.clock.evaluating():
            self._last_eval_results = self.test(self.cfg, self.model_to_evaluate())
        metrics = self._last_eval_results
        if len(self.cfg.DATASETS.TESTS) > 1:
            metrics = metrics.get(self.cfg.DATASETS.TESTS[0], {})
        # Only the first process has results, and all of them decide by these.
        shared = comm.all_gather({k: float(v) for k, v in metrics.items() if k in METRICS})[0]
        self.evaluations.add(self.epoch + 1, shared)
        return self._last_eval_results

    def _summary(self) -> RunSummary:
        return RunSummary(
            folder=Path(self.cfg.OUTPUT_DIR),
            clock=self.clock,
            evaluations=self.evaluations,
            metric=self.settings.metric,
            epochs=self.epoch + 1,
            max_epoch=self.cfg.SOLVER.MAX_EPOCH,
            images_per_step=self.images_per_step,
            skipped=self.step.guard.skipped,
            averaged=self.settings.ema_decay is not None,
        )

    def build_writers(self) -> list[EventWriter]:
        """Curves for TensorBoard and ``metrics.json``, from the first step that will be done."""
        folder = self.cfg.OUTPUT_DIR
        return [
            MetricsFile(str(Path(folder) / "metrics.json"), self.start_iter),
            TensorBoard(folder, self.start_iter),
        ]

    @classmethod
    def build_model(cls, cfg: CfgNode) -> nn.Module:
        """Build ``MODEL.META_ARCHITECTURE`` and log its size."""
        model = build_network(cfg)
        millions = sum(p.numel() for p in model.parameters()) / 1e6
        logger.info("%s: %.1f M parameters", cfg.MODEL.META_ARCHITECTURE, millions)
        return model

    @classmethod
    def build_lr_scheduler(
        cls, cfg: CfgNode, optimizer: Optimizer, iters_per_epoch: int
    ) -> dict[str, LRScheduler]:
        """fast-reid's schedulers, also where warm-up takes all epochs.

        The cosine then has no epoch left to run over, and fast-reid would divide by zero.
        """
        schedulers = super().build_lr_scheduler(cfg, optimizer, iters_per_epoch)
        main = schedulers["lr_sched"]
        if isinstance(main, CosineAnnealingLR):
            main.T_max = max(1, main.T_max)
        return schedulers

    @classmethod
    def build_train_loader(cls, cfg: CfgNode) -> TrainLoader:
        """See `mdpr.data.loader.build_train_loader`."""
        return build_train_loader(cfg)

    @classmethod
    def build_test_loader(cls, cfg: CfgNode, dataset_name: str) -> tuple[DataLoader, int]:
        """See `mdpr.data.loader.build_test_loader`."""
        return build_test_loader(cfg, dataset_name)

    @classmethod
    def build_evaluator(
        cls, cfg: CfgNode, dataset_name: str, output_dir: str | None = None
    ) -> tuple[DataLoader, ReidEvaluator]:
        """The test loader of a set, and the evaluator that goes with it.

        For a set whose identities are secret that is one that writes a submission.
        """
        loader, num_query = cls.build_test_loader(cfg, dataset_name)
        test_set: Any = loader.dataset
        paths = [path for path, _, _ in test_set.img_items]
        if test_set.has_identities:
            evaluator = ReidEvaluator(
                cfg, num_query, output_dir, dataset_name=dataset_name, paths=paths
            )
            return loader, evaluator
        file = Path(output_dir or cfg.OUTPUT_DIR) / f"{dataset_name}_submission.csv"
        return loader, SubmissionWriter(cfg, num_query, paths, file)

    @classmethod
    def test(cls, cfg: CfgNode, model: nn.Module) -> OrderedDict[str, Any]:
        """Evaluate on every set of ``DATASETS.TESTS``, log one table of them all, and write
        ``OUTPUT_DIR/results.json``.

        Returns:
            Metrics in percent: of the one set, or by set where there are several; empty in processes
            other than the first.

        Raises:
            DatasetError: a set is missing; raised before any is evaluated.
            EvaluationError: features or labels that cannot be scored.
        """
        model = bare(model)
        share_buffers(model)
        model = evaluated_form(cfg, model)
        results: OrderedDict[str, Any] = OrderedDict()
        reported: dict[str, dict[str, float]] = {}
        tests = [(name, *cls.build_evaluator(cfg, name)) for name in cfg.DATASETS.TESTS]
        for number, (name, loader, evaluator) in enumerate(tests, 1):
            logger.info("Evaluating on %s (%d of %d)", name, number, len(tests))
            metrics = inference_on_dataset(model, loader, evaluator, cfg.TEST.FLIP.ENABLED)
            evaluator.reset()  # the features of one set at a time
            if not comm.is_main_process():
                continue
            results[name] = metrics
            for setting, values in evaluator.results_by_setting.items():
                reported[name + setting] = dict(values)
        if reported:
            path = write_results(cfg.OUTPUT_DIR, reported)
            logger.info("Results, also in %s:\n%s", path, results_table(reported))
        return next(iter(results.values())) if len(results) == 1 else results
