"""fast-reid's trainer with this project's loaders, checkpoints, evaluation and reports."""

import logging
from collections import OrderedDict
from pathlib import Path
from typing import Any

from fastreid.config import CfgNode
from fastreid.engine import DefaultTrainer
from fastreid.engine.hooks import HookBase
from fastreid.engine.train_loop import TrainerBase
from fastreid.evaluation import inference_on_dataset
from fastreid.modeling.meta_arch import build_model
from fastreid.utils import comm
from fastreid.utils.events import EventWriter, JSONWriter, TensorboardXWriter
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler
from torch.utils.data import DataLoader

from mdpr.checkpoint.checkpointer import SafeCheckpointer
from mdpr.data.loader import build_test_loader, build_train_loader
from mdpr.engine.data_parallel import bare, distribute, share_buffers
from mdpr.engine.mixed_precision import step_class
from mdpr.engine.progress import ProgressReporter
from mdpr.engine.results import results_table, write_results
from mdpr.evaluation import ReidEvaluator, SubmissionWriter

__all__ = ["Trainer"]

logger = logging.getLogger(__name__)


class Trainer(DefaultTrainer):
    """Trains and evaluates any fast-reid architecture, MDPR above all.

    fast-reid's loop, hooks, optimizers and schedulers; `SafeCheckpointer`, this project's loaders and
    progress, and ``results.json`` after every evaluation.
    """

    def __init__(self, cfg: CfgNode) -> None:
        """
        Args:
            cfg: the full config.
        """
        TrainerBase.__init__(self)
        data_loader = self.build_train_loader(cfg)
        train_set: Any = data_loader.dataset
        cfg = self.auto_scale_hyperparams(cfg, train_set.num_classes)
        model = self.build_model(cfg)
        optimizer, parameters = self.build_optimizer(cfg, model)
        model = distribute(model)
        step = step_class(cfg.SOLVER.AMP.ENABLED, cfg.SOLVER.AMP.DTYPE)
        self._trainer = step(model, data_loader, optimizer, parameters)

        self.cfg = cfg
        self.iters_per_epoch = len(train_set) // cfg.SOLVER.IMS_PER_BATCH
        self.start_epoch = 0
        self.max_epoch = cfg.SOLVER.MAX_EPOCH
        self.max_iter = self.max_epoch * self.iters_per_epoch
        self.warmup_iters = cfg.SOLVER.WARMUP_ITERS
        self.delay_epochs = cfg.SOLVER.DELAY_EPOCHS
        if self.warmup_iters >= self.max_iter:
            logger.warning(
                "SOLVER.WARMUP_ITERS is %d and training has %d steps: the learning rate never "
                "reaches SOLVER.BASE_LR",
                self.warmup_iters,
                self.max_iter,
            )
        self.scheduler = self.build_lr_scheduler(cfg, optimizer, self.iters_per_epoch)
        self.checkpointer = SafeCheckpointer(
            model,
            cfg.OUTPUT_DIR,
            save_to_disk=comm.is_main_process(),
            optimizer=optimizer,
            **self.scheduler,
        )
        self.register_hooks(self.build_hooks())

    def resume_or_load(self, resume: bool = True) -> None:
        """Continue the run in ``OUTPUT_DIR``, or start from ``MODEL.WEIGHTS``; see fast-reid."""
        if resume and not self.checkpointer.has_checkpoint():
            logger.info("--resume: no checkpoint in %s yet, starting anew", self.cfg.OUTPUT_DIR)
        super().resume_or_load(resume=resume)

    def train(self) -> OrderedDict[str, Any]:
        """Train to the last epoch.

        Returns:
            Metrics of the last evaluation, in percent; empty in processes other than the first.
        """
        if self.start_epoch >= self.max_epoch:
            logger.info("All %d epochs are done: evaluating the last checkpoint", self.max_epoch)
            return self.test(self.cfg, self.model)
        return super().train() or OrderedDict()

    def build_hooks(self) -> list[HookBase]:
        """fast-reid's hooks, and the progress report."""
        reporter = ProgressReporter(self.cfg.SOLVER.IMS_PER_BATCH)
        # Behind the timer and the scheduler, so that it reports this step's learning rate, and
        # before evaluation.
        timer, scheduler, *others = super().build_hooks()
        return [timer, scheduler, *([reporter] if comm.is_main_process() else []), *others]

    def build_writers(self) -> list[EventWriter]:
        """Curves for TensorBoard and ``metrics.json``."""
        folder = self.cfg.OUTPUT_DIR
        return [JSONWriter(str(Path(folder) / "metrics.json")), TensorboardXWriter(folder)]

    @classmethod
    def build_model(cls, cfg: CfgNode) -> nn.Module:
        """Build ``MODEL.META_ARCHITECTURE`` and log its size."""
        model = build_model(cfg)
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
    def build_train_loader(cls, cfg: CfgNode) -> DataLoader:
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
