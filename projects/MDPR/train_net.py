#!/usr/bin/env python
"""Train or evaluate MDPR, or any fast-reid architecture.

python projects/MDPR/train_net.py --config-file configs/Duke/mdpr_R50.yml [--eval-only] [KEY VALUE ...]
"""

import argparse
import sys

import mdpr  # noqa: F401 -- before fastreid, which it mends

# isort: split
from fastreid.config import CfgNode
from mdpr.checkpoint.checkpointer import SafeCheckpointer
from mdpr.engine.setup import make_config, start_run, weights_to_evaluate
from mdpr.engine.trainer import Trainer
from mdpr.errors import MDPRError, ProcessFailedError
from mdpr.launch import argument_parser, launch


def main(args: argparse.Namespace, cfg: CfgNode, notes: list[str]) -> None:
    """Run in every process."""
    cfg = start_run(cfg, args, notes)
    if args.eval_only:
        weights = weights_to_evaluate(cfg)
        cfg.defrost()
        cfg.MODEL.BACKBONE.PRETRAIN = False  # the checkpoint brings all weights
        cfg.freeze()
        model = Trainer.build_model(cfg)
        SafeCheckpointer(model, prefer_averaged=cfg.SOLVER.EMA.LOAD).load(weights)
        Trainer.test(cfg, model)
        return
    trainer = Trainer(cfg)
    trainer.resume_or_load(resume=args.resume)
    trainer.train()


if __name__ == "__main__":
    arguments = argument_parser().parse_args()
    try:
        launch(main, arguments, *make_config(arguments.config_file, arguments.opts))
    except (MDPRError, ProcessFailedError) as error:
        sys.exit(f"error: {error}")
