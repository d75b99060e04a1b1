"""What every process of a run does."""

import argparse
from collections.abc import Sequence

from fastreid.config import CfgNode
from fastreid.utils import comm

from mdpr.checkpoint.checkpointer import SafeCheckpointer
from mdpr.config import changed
from mdpr.engine.loggers.base import check_loggers
from mdpr.engine.setup import start_run, weights_to_evaluate
from mdpr.engine.trainer import Trainer


def train_or_evaluate(args: argparse.Namespace, cfg: CfgNode, notes: Sequence[str]) -> None:
    """Train, or with ``--eval-only`` evaluate.

    Raises:
        MDPRError: something the user can mend.
    """
    if not args.eval_only and comm.is_main_process():
        check_loggers(cfg)
    cfg = start_run(cfg, args, notes)
    if args.eval_only:
        weights = weights_to_evaluate(cfg)
        # The checkpoint brings all weights.
        model = Trainer.build_model(changed(cfg, "MODEL.BACKBONE.PRETRAIN", False))
        SafeCheckpointer(model, prefer_averaged=cfg.SOLVER.EMA.LOAD).load(weights)
        Trainer.test(cfg, model)
        return
    trainer = Trainer(cfg)
    trainer.resume_or_load(resume=args.resume)
    trainer.train()
