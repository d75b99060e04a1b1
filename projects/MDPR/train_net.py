#!/usr/bin/env python
"""Train or evaluate MDPR, or any fast-reid architecture.

python projects/MDPR/train_net.py --config-file configs/Duke/mdpr_R50.yml [--eval-only] [KEY VALUE ...]
"""

import argparse
import sys

import mdpr  # noqa: F401 -- before fastreid, which it mends

# isort: split
from mdpr.checkpoint.checkpointer import SafeCheckpointer
from mdpr.config import changed
from mdpr.engine.launch import argument_parser, launch
from mdpr.engine.setup import make_config, start_run, weights_to_evaluate
from mdpr.engine.trainer import Trainer
from mdpr.errors import MDPRError, ProcessFailedError


def main(args: argparse.Namespace) -> None:
    """Run in every process."""
    cfg, notes = make_config(args.config_file, args.opts)
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


if __name__ == "__main__":
    try:
        launch(main, argument_parser().parse_args())
    except MDPRError as error:
        sys.exit(f"error: {error}")
    except ProcessFailedError as failure:
        sys.exit(f"error: {failure}")
