"""A run that chooses by identities held out of training."""

import pytest
from fastreid.engine import DefaultTrainer
from fastreid.evaluation.testing import flatten_results_dict
from mdpr.checkpoint.reading import read_checkpoint
from mdpr.engine.results import read_results
from mdpr.engine.trainer import Trainer
from support.configs import ONE_BRANCH, tiny_config
from support.miniatures import make_duke


@pytest.fixture
def cfg(tmp_path, monkeypatch):
    make_duke(tmp_path / "datasets")
    monkeypatch.setenv("FASTREID_DATASETS", str(tmp_path / "datasets"))
    (tmp_path / "run").mkdir()
    cfg = tiny_config(
        *("DATASETS.NAMES", ("DukeMTMC",), "DATASETS.TESTS", ("DukeMTMC",), "DATASETS.VAL_FRACTION", 0.25),
        *("SOLVER.IMS_PER_BATCH", 16, "DATALOADER.NUM_INSTANCE", 4, "DATALOADER.NUM_WORKERS", 0),
        *("INPUT.SIZE_TRAIN", [32, 16], "INPUT.SIZE_TEST", [32, 16], "SOLVER.AMP.ENABLED", False),
        *("SOLVER.MAX_EPOCH", 2, "SOLVER.CHECKPOINT_PERIOD", 1, "TEST.EVAL_PERIOD", 1),
        *("MODEL.HEADS.NUM_CLASSES", 0),
        *(*ONE_BRANCH, "OUTPUT_DIR", str(tmp_path / "run")),
    )
    cfg.freeze()
    return cfg


# By validation the second evaluation is worse, by the test set it is better.
SCORES = {"DukeMTMC-val": [60.0, 50.0], "DukeMTMC": [40.0, 70.0]}


def scored(monkeypatch):
    """Let evaluations find `SCORES`."""
    build, rounds = (
        Trainer.build_evaluator.__func__,
        {name: iter(values) for name, values in SCORES.items()},
    )

    def build_evaluator(cls, cfg, dataset_name, output_dir=None):
        loader, evaluator = build(cls, cfg, dataset_name, output_dir)
        evaluate = evaluator.evaluate

        def replaced():
            metrics = evaluate()
            metrics["mAP"] = metrics["metric"] = next(rounds[dataset_name])
            return metrics

        evaluator.evaluate = replaced
        return loader, evaluator

    monkeypatch.setattr(Trainer, "build_evaluator", classmethod(build_evaluator))


def test_the_best_is_that_of_validation(cfg, monkeypatch, tmp_path):
    scored(monkeypatch)
    trainer = Trainer(cfg)
    trainer.resume_or_load(resume=False)
    results = trainer.train()
    assert list(results) == list(SCORES)
    assert results["DukeMTMC-val"]["mAP"] == 50
    assert trainer.cfg.MODEL.HEADS.NUM_CLASSES == 6
    assert read_checkpoint(tmp_path / "run/model_best.pth")["epoch"] == 0
    assert list(read_results(tmp_path / "run")[0]) == list(SCORES)
    assert trainer.evaluations.best("mAP").epoch == 1


@pytest.mark.parametrize("trainer", [Trainer, DefaultTrainer])
def test_people_of_a_test_set_need_not_be_looked_at(cfg, trainer):
    cfg.defrost()
    cfg.DATASETS.TESTS = ()
    cfg.freeze()
    trainer = trainer(cfg)
    assert 0 <= next(iter(flatten_results_dict(trainer.train()).values())) <= 100


def test_fastreids_trainer_tests_it_first_and_so_goes_by_it(cfg):
    trainer = DefaultTrainer(cfg)
    assert trainer.cfg.DATASETS.TESTS == ("DukeMTMC-val", "DukeMTMC")
    loader, num_query = DefaultTrainer.build_test_loader(trainer.cfg, "DukeMTMC-val")
    assert (num_query, len(loader.dataset)) == (4, 16)
