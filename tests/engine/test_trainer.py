"""Averaged weights, early stopping, accumulation and left-out steps in a run from start to end."""

import json

import pytest
import torch
from fastreid.modeling.meta_arch import build_model
from mdpr.checkpoint.checkpointer import SafeCheckpointer
from mdpr.checkpoint.reading import read_checkpoint
from mdpr.engine.trainer import Trainer
from mdpr.errors import ConfigError, NonFiniteError
from support.configs import tiny_config
from support.miniatures import make_duke

OPTIONS = (
    *("MODEL.HEADS.NUM_CLASSES", 0, "SOLVER.AMP.ENABLED", False, "SOLVER.MAX_EPOCH", 3),
    *("SOLVER.IMS_PER_BATCH", 8, "DATALOADER.NUM_INSTANCE", 4, "DATALOADER.NUM_WORKERS", 0),
    *("SOLVER.WARMUP_ITERS", 2, "SOLVER.CHECKPOINT_PERIOD", 10, "TEST.EVAL_PERIOD", 1),
    # The smallest there is: most of the time here goes into writing checkpoints.
    *("MODEL.META_ARCHITECTURE", "Baseline", "SOLVER.OPT", "SGD", "SOLVER.BASE_LR", 0.01),
    *("SOLVER.ACCUMULATE", 2, "SOLVER.EMA.ENABLED", True, "SOLVER.LOG_PERIOD", 2),
)
# No evaluation is better than the first by more than everything.
STOPPING = ("SOLVER.EARLY_STOPPING.PATIENCE", 1, "SOLVER.EARLY_STOPPING.MIN_DELTA", 100.0)


@pytest.fixture(scope="module")
def datasets(make_folder):
    root = make_folder("datasets")
    make_duke(root)
    return root


@pytest.fixture
def configure(datasets, tmp_path, monkeypatch):
    monkeypatch.setenv("FASTREID_DATASETS", str(datasets))

    def configure(*options):
        cfg = tiny_config(*OPTIONS, "OUTPUT_DIR", str(tmp_path), *options, file="Duke/mdpr_R50.yml")
        cfg.freeze()
        return cfg

    return configure


def start(cfg, resume=False):
    trainer = Trainer(cfg)
    trainer.resume_or_load(resume=resume)
    return trainer


def test_a_run_that_stops_early_and_what_it_evaluated(configure, tmp_path, caplog):
    caplog.set_level("INFO")
    trainer = start(configure(*STOPPING))
    assert trainer.iters_per_epoch == 4  # 64 images, 16 a step
    metrics = trainer.train()
    assert "Stopping early: mAP has not got better in 1 evaluations" in caplog.text
    assert "2 of 3" in caplog.text  # the table
    assert trainer.step.averaged.steps == 8

    final = read_checkpoint(tmp_path / "model_final.pth")
    assert final["epoch"] == 1
    assert (tmp_path / "last_checkpoint").read_text() == "model_final.pth"
    plain, averaged = final["model"], final["ema"]["model"]
    assert any(not torch.equal(plain[name], averaged[name]) for name in plain)

    # What the file is worth is what the run said.
    cfg = configure("MODEL.HEADS.NUM_CLASSES", 8)
    for load, same in ((True, True), (False, False)):
        model = build_model(cfg)
        SafeCheckpointer(model, prefer_averaged=load).load(str(tmp_path / "model_final.pth"))
        loaded = model.state_dict()
        assert all(torch.equal(loaded[name], averaged[name]) for name in loaded) == same
        if load:
            assert Trainer.test(cfg, model) == metrics

    caplog.clear()
    resumed = start(configure(*STOPPING), resume=True)
    assert resumed.train() == metrics
    assert "Stopping early" in caplog.text
    assert resumed.step.averaged.steps == 8
    assert not hasattr(resumed, "iter")  # not a single step

    caplog.clear()
    further = start(configure(), resume=True)
    further.train()
    assert (further.epoch, further.step.averaged.steps) == (2, 12)
    assert [entry["epoch"] for entry in further.evaluations.state_dict()["entries"]] == [1, 2, 3]
    lines = [json.loads(line) for line in (tmp_path / "metrics.json").read_text().splitlines()]
    assert lines[-1]["iteration"] == 11


def spoil(trainer, bad_batches):
    """Make some of the batches that the trainer gets unusable."""

    def spoiled(batches):
        for index, batch in enumerate(batches):
            if index in bad_batches:
                batch["images"][0] = torch.inf
            yield batch

    trainer.step._data_loader_iter = spoiled(trainer.step._data_loader_iter)


def test_left_out_steps_are_counted_across_a_resume(configure, caplog):
    caplog.set_level("INFO")
    options = ("SOLVER.SKIP_NONFINITE", 2, "SOLVER.EMA.ENABLED", False, "TEST.EVAL_PERIOD", 3)
    one = start(configure(*options, "SOLVER.MAX_EPOCH", 1, "TEST.EVAL_PERIOD", 1))
    spoil(one, {3})
    one.train()
    assert "1 (not finite)" in caplog.text
    two = start(configure(*options), resume=True)
    spoil(two, {0, 5})
    with pytest.raises(NonFiniteError, match=r"iteration 6(?s:.*)\.jpg(?s:.*)nonfinite\.pth"):
        two.train()
    assert two.step.guard.skipped == 2


def test_checkpoints_hold_all_that_has_a_state(configure):
    """Also the gradient scaler, which fast-reid's leave out."""
    cfg = configure("SOLVER.AMP.ENABLED", True, "SOLVER.AMP.DTYPE", "fp16")
    first = start(cfg)
    first.step.grad_scaler.load_state_dict({**first.step.grad_scaler.state_dict(), "scale": 8.0})
    first.step.guard.skipped = 3
    first.evaluations.add(1, {"mAP": 50.0})
    first.checkpointer.save("model_0000", epoch=0)
    first.checkpointer.wait()
    assert set(first.checkpointables()) == {
        *("optimizer", "lr_sched", "warmup_sched", "scaler", "ema"),
        *("nonfinite", "evaluations", "loader", "best"),
    }
    second = start(cfg, resume=True)
    assert second.step.grad_scaler.get_scale() == 8
    assert second.step.guard.skipped == 3
    assert second.evaluations.best("mAP").metrics == {"mAP": 50.0}


def test_a_step_larger_than_the_data_is_refused(configure):
    with pytest.raises(ConfigError, match=r"SOLVER.ACCUMULATE is 9 .*the 64 training images"):
        Trainer(configure("SOLVER.ACCUMULATE", 9))
