"""A short training on small images of SynthPersons: weights move, and what is learnt holds for new people."""

import copy

import pytest
import torch
from fastreid.modeling.meta_arch import build_model
from mdpr.engine.trainer import Trainer
from support.configs import config

CHANCE = 30.0  # mAP in percent that no untrained network reaches


@pytest.fixture
def cfg(synth_root, tmp_path, monkeypatch):
    monkeypatch.setenv("FASTREID_DATASETS", str(synth_root))
    return config(
        "Synthetic/mdpr_R18.yml",
        *("OUTPUT_DIR", str(tmp_path), "MODEL.MDPR.EMBEDDING_DIM", 64),
        # Small, and in float32: the same work on every CPU, where others would emulate bfloat16.
        *("INPUT.SIZE_TRAIN", [48, 24], "INPUT.SIZE_TEST", [48, 24], "SOLVER.AMP.ENABLED", False),
        # A cosine over three epochs would leave hardly one at a rate that learns.
        *("SOLVER.SCHED", "MultiStepLR", "SOLVER.STEPS", [10], "INPUT.PADDING.SIZE", 3),
        *("SOLVER.MAX_EPOCH", 3, "SOLVER.WARMUP_ITERS", 20, "TEST.EVAL_PERIOD", 3),
        *("SOLVER.CHECKPOINT_PERIOD", 10, "DATALOADER.NUM_WORKERS", 0),
    )


def test_training_on_synth_persons(cfg):
    untrained_cfg = cfg.clone()
    untrained_cfg.MODEL.HEADS.NUM_CLASSES = 2
    untrained = Trainer.test(untrained_cfg, build_model(untrained_cfg))
    assert untrained["mAP"] < CHANCE

    torch.manual_seed(0)
    trainer = Trainer(cfg)
    trainer.resume_or_load(resume=False)
    before = copy.deepcopy({n: p for n, p in trainer.model.named_parameters() if p.requires_grad})
    trained = trainer.train()
    after = dict(trainer.model.named_parameters())
    assert [name for name, p in before.items() if torch.equal(p, after[name])] == []
    assert trained["mAP"] > max(CHANCE, untrained["mAP"] + 15)
    assert trained["Rank-1"] > 50
