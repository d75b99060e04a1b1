import argparse
from collections import Counter
from pathlib import Path

import pytest
from fastreid.utils.file_io import PathManager
from mdpr.engine.results import write_results
from mdpr.engine.setup import make_config, start_run, weights_to_evaluate
from mdpr.engine.trainer import Trainer
from mdpr.errors import ConfigError
from mdpr.evaluation import EvaluationSettings
from mdpr.modeling.settings import MDPRSettings
from support.configs import CONFIGS
from support.miniatures import make_duke

OPTIONS = ["MODEL.DEVICE", "cpu", "MODEL.BACKBONE.PRETRAIN", "False"]
TINY_OPTIONS = [
    *("INPUT.SIZE_TRAIN", [64, 32], "INPUT.SIZE_TEST", [64, 32], "MODEL.MDPR.EMBEDDING_DIM", 16),
    *("DATALOADER.NUM_WORKERS", 0, "SOLVER.IMS_PER_BATCH", 16),
]


def config(*options):
    cfg, _ = make_config(str(CONFIGS / "Synthetic/mdpr_R18.yml"), [*OPTIONS, *map(str, options)])
    return cfg


def test_never_evaluating_means_at_the_end():
    cfg, notes = make_config(str(CONFIGS / "Synthetic/mdpr_R18.yml"), [*OPTIONS, "TEST.EVAL_PERIOD", "0"])
    assert cfg.TEST.EVAL_PERIOD == cfg.SOLVER.MAX_EPOCH
    assert any("EVAL_PERIOD" in note for note in notes)


def test_last_checkpoint_is_evaluated_where_no_weights_are_named(tmp_path):
    cfg = config("OUTPUT_DIR", tmp_path)
    with pytest.raises(ConfigError, match="--eval-only needs weights"):
        weights_to_evaluate(cfg)
    (tmp_path / "last_checkpoint").write_text("model_0004.pth\n")
    assert weights_to_evaluate(cfg) == str(tmp_path / "model_0004.pth")
    named = config("OUTPUT_DIR", tmp_path, "MODEL.WEIGHTS", "other.pth")
    assert weights_to_evaluate(named) == "other.pth"


def test_fine_tuning_from_a_run_in_the_same_folder_follows_its_weights(tmp_path):
    for name in ("model_final.pth", "last_checkpoint"):
        (tmp_path / name).write_text("x")
    cfg = config("OUTPUT_DIR", tmp_path, "MODEL.WEIGHTS", tmp_path / "model_final.pth")
    arguments = argparse.Namespace(eval_only=False, resume=False, config_file="")
    moved = start_run(cfg, arguments, [])
    assert moved.MODEL.WEIGHTS != cfg.MODEL.WEIGHTS
    assert Path(moved.MODEL.WEIGHTS).read_text() == "x"


def test_from_a_file_to_a_trainer_everything_is_read_and_built_once(tmp_path, monkeypatch):
    make_duke(tmp_path)
    monkeypatch.setenv("FASTREID_DATASETS", str(tmp_path))
    opened: list[str] = []
    built: Counter[str] = Counter()
    open_file = PathManager.open

    def counting_open(path, *arguments, **options):
        opened.append(Path(path).name)
        return open_file(path, *arguments, **options)

    monkeypatch.setattr(PathManager, "open", counting_open)
    for settings in (MDPRSettings, EvaluationSettings):

        def counting_init(self, *arguments, _init=settings.__init__, **options):
            built[type(self).__name__] += 1
            _init(self, *arguments, **options)

        monkeypatch.setattr(settings, "__init__", counting_init)
    cfg = config(
        *(*TINY_OPTIONS, "DATASETS.NAMES", ("DukeMTMC",), "DATASETS.TESTS", ("DukeMTMC",)),
        *("OUTPUT_DIR", tmp_path / "run"),
    )
    arguments = argparse.Namespace(eval_only=False, resume=False, config_file="")
    trainer = Trainer(start_run(cfg, arguments, []))
    read = [name for name in opened if name.endswith(".yml")]
    assert read == ["mdpr_R18.yml", "Base-Synthetic.yml", "Base-MDPR.yml"]
    assert built == {"MDPRSettings": 1}
    trainer.build_evaluator(trainer.cfg, "DukeMTMC")
    assert built["EvaluationSettings"] == 1


def test_results_hold_the_five_metrics_only(tmp_path):
    metrics = {"mAP": 1, "Rank-1": 2, "Rank-5": 3, "Rank-10": 4, "mINP": 5, "metric": 6}
    path = write_results(tmp_path, {"A": metrics, "A+rerank": metrics})
    assert path.read_text().count("metric") == 0
    assert '"A+rerank"' in path.read_text()
