"""fast-reid's trainer with this project's loaders, checkpoints, evaluation and reports."""

import logging
from collections import OrderedDict
from pathlib import Path
from typing import Any

from fastreid.config import CfgNode
from fastreid.engine.hooks import (
    HookBase,
    IterationTimer,
    LayerFreeze,
    PreciseBN,
    get_bn_modules,
)
from fastreid.evaluation import inference_on_dataset, print_csv_format
from fastreid.modeling.meta_arch import build_model
from fastreid.utils import comm
from fastreid.utils.events import EventWriter
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler
from torch.utils.data import DataLoader

from mdpr.checkpoint.checkpointer import SafeCheckpointer
from mdpr.data.loader import build_test_loader, build_train_loader
from mdpr.data.train_loader import TrainLoader
from mdpr.engine.checkpointing import CheckpointHook
from mdpr.engine.evaluation_hook import EvaluationHook
from mdpr.engine.metrics_history import MetricsFile, MetricsWriter, TensorBoard
from mdpr.engine.mixed_precision import step_class
from mdpr.engine.progress import ProgressReporter
from mdpr.engine.results import write_results
from mdpr.engine.run_loop import ResumableTrainer
from mdpr.engine.schedule import EpochSchedule, StepSchedule
from mdpr.evaluation import ReidEvaluator, SubmissionWriter

__all__ = ["Trainer"]

logger = logging.getLogger(__name__)

STEPS_BETWEEN_WRITES = 200  # of metrics.json and TensorBoard, as fast-reid


class Trainer(ResumableTrainer):
    """Trains and evaluates any fast-reid architecture, MDPR above all.

    fast-reid's loop, hooks, optimizers and schedulers; `SafeCheckpointer`, this project's loaders and
    progress, and ``results.json`` after every evaluation.
    """

    def __init__(self, cfg: CfgNode) -> None:
        """
        Args:
            cfg: the full config.
        """
        super().__init__()
        data_loader = self.build_train_loader(cfg)
        train_set: Any = data_loader.dataset
        cfg = self.auto_scale_hyperparams(cfg, train_set.num_classes)
        model = self.build_model(cfg)
        optimizer, parameters = self.build_optimizer(cfg, model)
        if comm.get_world_size() > 1:
            model = DistributedDataParallel(
                model, device_ids=[comm.get_local_rank()], broadcast_buffers=False
            )
        step = step_class(cfg.SOLVER.AMP.ENABLED, cfg.SOLVER.AMP.DTYPE)
        self._trainer = step(model, data_loader, optimizer, parameters)

        self.cfg = cfg
        self.iters_per_epoch = len(train_set) // cfg.SOLVER.IMS_PER_BATCH
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
        self._checkpoint_hook = CheckpointHook(
            cfg.SOLVER.CHECKPOINT_PERIOD,
            cfg.SOLVER.CHECKPOINT_EVERY_ITERATIONS,
            "metric" if len(cfg.DATASETS.TESTS) == 1 else f"{cfg.DATASETS.TESTS[0]}/metric",
        )
        self.checkpointer = SafeCheckpointer(
            model,
            cfg.OUTPUT_DIR,
            save_to_disk=comm.is_main_process(),
            **self.checkpointables(),
        )
        self.register_hooks(self.build_hooks())

    def checkpointables(self) -> dict[str, Any]:
        """What a checkpoint holds besides the model, by name: objects with ``state_dict`` and
        ``load_state_dict``. Whatever a run changes and would miss after a restart belongs here."""
        states = {
            "optimizer": self.optimizer,
            **self.scheduler,
            "loader": self.data_loader,
            "best": self._checkpoint_hook,
        }
        return states | ({} if self.grad_scaler is None else {"grad_scaler": self.grad_scaler})

    def build_hooks(self) -> list[HookBase]:
        """fast-reid's hooks in an order from which a run can be resumed, and the progress report."""
        cfg, model = self.cfg, self.model
        schedule = StepSchedule(self.optimizer, self.scheduler)
        # Timed from the first step on, so that a resumed run logs the same values as any other.
        hooks: list[HookBase] = [IterationTimer(warmup_iter=0), schedule]
        if comm.is_main_process():
            # Behind the schedule, so that it reports this step's learning rate.
            hooks.append(ProgressReporter(cfg.SOLVER.IMS_PER_BATCH))
        if cfg.TEST.PRECISE_BN.ENABLED and get_bn_modules(model):
            hooks.append(self._build_precise_bn())
        if cfg.MODEL.FREEZE_LAYERS and cfg.SOLVER.FREEZE_ITERS > 0:
            hooks.append(LayerFreeze(model, cfg.MODEL.FREEZE_LAYERS, cfg.SOLVER.FREEZE_ITERS))
        # What changes the run's state after an epoch comes behind evaluation; see EvaluationHook.
        hooks += [EvaluationHook(cfg.TEST.EVAL_PERIOD, self._evaluate), EpochSchedule(schedule)]
        if comm.is_main_process():
            hooks.append(MetricsWriter(STEPS_BETWEEN_WRITES))
        return [*hooks, self._checkpoint_hook]

    def _evaluate(self) -> OrderedDict[str, Any]:
        self._last_eval_results = self.test(self.cfg, self.model)
        return self._last_eval_results

    def _build_precise_bn(self) -> PreciseBN:
        cfg = self.cfg.clone()
        cfg.defrost()
        cfg.DATALOADER.NUM_WORKERS = 0
        cfg.DATASETS.NAMES = (cfg.TEST.PRECISE_BN.DATASET,)
        loader = self.build_train_loader(cfg)
        return PreciseBN(self.model, loader, cfg.TEST.PRECISE_BN.NUM_ITER)

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
        if test_set.has_identities:
            return loader, ReidEvaluator(cfg, num_query, output_dir)
        names = [path for path, _, _ in test_set.img_items]
        path = Path(output_dir or cfg.OUTPUT_DIR) / f"{dataset_name}_submission.csv"
        return loader, SubmissionWriter(cfg, num_query, names, path)

    @classmethod
    def test(cls, cfg: CfgNode, model: nn.Module) -> OrderedDict[str, Any]:
        """Evaluate on every set of ``DATASETS.TESTS`` and write ``OUTPUT_DIR/results.json``.

        Returns:
            Metrics in percent: of the one set, or by set where there are several; empty in processes
            other than the first.
        """
        results: OrderedDict[str, Any] = OrderedDict()
        reported: dict[str, dict[str, float]] = {}
        for name in cfg.DATASETS.TESTS:
            loader, evaluator = cls.build_evaluator(cfg, name)
            metrics = inference_on_dataset(model, loader, evaluator, cfg.TEST.FLIP.ENABLED)
            if not comm.is_main_process():
                continue
            results[name] = metrics
            for setting, values in evaluator.results_by_setting.items():
                reported[name + setting] = dict(values)
                print_csv_format(OrderedDict([*values.items(), ("dataset", name + setting)]))
        if reported:
            logger.info("Results written to %s", write_results(cfg.OUTPUT_DIR, reported))
        return next(iter(results.values())) if len(results) == 1 else results
