"""fast-reid's own trainer, predictor and loaders after nothing but ``import mdpr``."""

import logging

import pytest
import torch
from fastreid.config import get_cfg
from fastreid.data import build_reid_test_loader, build_reid_train_loader
from fastreid.engine import DefaultPredictor, DefaultTrainer
from fastreid.modeling.meta_arch import build_model
from mdpr.checkpoint import to_official_state_dict
from mdpr.checkpoint.reading import read_checkpoint
from mdpr.errors import CheckpointError, DatasetError
from mdpr.evaluation import ReidEvaluator
from support.configs import ONE_BRANCH, tiny_config
from support.miniatures import make_duke, make_image_folder, make_msmt17

OPTIONS = (
    *("MODEL.HEADS.NUM_CLASSES", 0, "SOLVER.IMS_PER_BATCH", 16, "DATALOADER.NUM_INSTANCE", 4),
    *("DATALOADER.NUM_WORKERS", 0, "SOLVER.MAX_EPOCH", 2, "SOLVER.WARMUP_ITERS", 2),
    *("SOLVER.CHECKPOINT_PERIOD", 1, "TEST.EVAL_PERIOD", 1),
)


@pytest.fixture
def configure(tmp_path, monkeypatch, caplog):
    make_duke(tmp_path / "datasets")
    monkeypatch.setenv("FASTREID_DATASETS", str(tmp_path / "datasets"))
    (tmp_path / "run").mkdir()  # as fast-reid's default_setup does
    log = logging.getLogger("fastreid")  # whose records fast-reid's set-up keeps from the root's handlers
    monkeypatch.setattr(log, "propagate", False)
    monkeypatch.setattr(log, "handlers", [*log.handlers, caplog.handler])

    def configure(*options, file="Duke/mdpr_R50.yml"):
        output = ("OUTPUT_DIR", str(tmp_path / "run"))
        cfg = tiny_config(*OPTIONS, *output, *ONE_BRANCH, *options, file=file)
        cfg.freeze()
        return cfg

    return configure


def test_trains_evaluates_writes_and_resumes(configure, tmp_path, caplog):
    cfg = configure("TEST.RERANK.ENABLED", True, "TEST.ROC.ENABLED", True)
    assert cfg.SOLVER.AMP.ENABLED  # as shipped; on a CPU it falls back
    trainer = DefaultTrainer(cfg)
    trainer.resume_or_load(resume=False)
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    results = trainer.train()
    assert 0 <= results["mAP"] <= 100
    assert "training in float32 on the CPU" in caplog.text
    after = trainer.model.state_dict()
    assert any(not torch.equal(before[name], after[name]) for name in before)

    written = read_checkpoint(tmp_path / "run/model_final.pth")["model"]
    assert all(torch.equal(written[name], after[name]) for name in after)

    longer = configure("SOLVER.MAX_EPOCH", 3)
    resumed = DefaultTrainer(longer)
    resumed.resume_or_load(resume=True)
    assert resumed.start_epoch == 2
    assert all(torch.equal(value, after[name]) for name, value in resumed.model.state_dict().items())
    moments = resumed.optimizer.state_dict()["state"]
    assert moments[0]["step"] == 8  # of 64 images, 16 a step, two epochs
    resumed.train()


def test_evaluates_as_ours(configure):
    """The evaluator of fast-reid's trainer is this project's, re-ranking and all."""
    _, evaluator = DefaultTrainer.build_evaluator(configure("TEST.RERANK.ENABLED", True), "DukeMTMC")
    assert type(evaluator) is ReidEvaluator
    features = torch.randn(32, 8)
    loader, num_query = DefaultTrainer.build_test_loader(configure(), "DukeMTMC")
    assert (num_query, len(loader.dataset)) == (8, 32)
    labels = torch.tensor([[person, camera] for _, person, camera in loader.dataset.img_items])
    evaluator.process({"targets": labels[:, 0], "camids": labels[:, 1]}, features)
    evaluator.evaluate()
    assert set(evaluator.results_by_setting) == {"", "+rerank"}


def test_predictor_takes_the_authors_file(configure, tmp_path):
    cfg = configure("MODEL.HEADS.NUM_CLASSES", 4)
    model = build_model(cfg).eval()
    path = tmp_path / "official.pth"
    torch.save({"model": to_official_state_dict(model.state_dict())}, path)
    predictor = DefaultPredictor(configure("MODEL.WEIGHTS", str(path)))
    images = 255 * torch.rand(2, 3, 64, 32)
    with torch.no_grad():
        assert torch.equal(predictor(images), model(images))


def test_weights_of_another_network_are_refused(configure, tmp_path):
    path = tmp_path / "other.pth"
    torch.save({"model": {"conv.weight": torch.zeros(3, 3)}}, path)
    with pytest.raises(CheckpointError, match="not of this model"):
        DefaultPredictor(configure("MODEL.WEIGHTS", str(path)))
    trainer = DefaultTrainer(configure("MODEL.WEIGHTS", str(path)))
    with pytest.raises(CheckpointError, match="not of this model"):
        trainer.resume_or_load(resume=False)


def test_weights_that_knew_other_identities_start_a_training(configure, tmp_path, caplog):
    path = tmp_path / "other.pth"
    other = build_model(configure("MODEL.HEADS.NUM_CLASSES", 5))
    torch.save({"model": other.state_dict()}, path)
    trainer = DefaultTrainer(configure("MODEL.WEIGHTS", str(path)))
    own = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    trainer.resume_or_load(resume=False)
    kept, loaded = other.state_dict(), trainer.model.state_dict()
    classifiers = {name for name in own if own[name].shape != kept[name].shape}
    assert f"{len(classifiers)} classifiers are of other identities" in caplog.text
    assert all(torch.equal(loaded[n], (own if n in classifiers else kept)[n]) for n in own)


@pytest.mark.parametrize(("version", "folder"), [("V1", "MSMT17_V1"), ("V2", "MSMT17_V2")])
def test_loaders_read_the_version_that_is_asked_for(version, folder, configure, tmp_path):
    for each in ("V1", "V2"):
        make_msmt17(tmp_path / "datasets", version=each)
    cfg = configure("DATASETS.NAMES", ("MSMT17",), "DATASETS.MSMT17.VERSION", version)
    batch = next(iter(build_reid_train_loader(cfg, combineall=False)))
    assert batch["images"].shape == (16, 3, 64, 32)
    assert all(f"/{folder}/" in path for path in batch["img_paths"])
    loader, num_query = build_reid_test_loader(cfg=cfg, dataset_name="MSMT17")  # as fast-reid allows too
    assert all(f"/{folder}/" in path for path, _, _ in loader.dataset.img_items)
    assert num_query == 8


def test_loaders_read_a_folder_of_the_users(configure, tmp_path):
    make_image_folder(tmp_path / "datasets")
    cfg = configure("DATASETS.NAMES", ("ImageFolderReID",), "DATASETS.IMAGE_FOLDER.PATH", "mine")
    assert len(build_reid_train_loader(cfg).dataset) == 64


def test_what_the_caller_brings_is_taken(configure):
    cfg = configure()
    theirs = build_reid_train_loader(cfg).dataset
    assert build_reid_train_loader(cfg, train_set=theirs).dataset is theirs
    loader, num_query = build_reid_test_loader(cfg, test_set=theirs, num_query=3)
    assert (loader.dataset, num_query) == (theirs, 3)
    loader = build_reid_train_loader(cfg, transforms=lambda image: torch.zeros(1))
    assert next(iter(loader))["images"].shape == (16, 1)
    loader = build_reid_train_loader(theirs, sampler=range(64), total_batch_size=4)
    assert len(loader) == 16


def test_an_image_that_cannot_be_read_is_named(configure, tmp_path):
    broken = sorted((tmp_path / "datasets/DukeMTMC-reID/bounding_box_train").iterdir())[0]
    broken.write_bytes(b"")
    loader = build_reid_train_loader(configure("DATALOADER.SAMPLER_TRAIN", "TrainingSampler"))
    with pytest.raises(DatasetError, match=str(broken)):
        for _, _ in zip(range(8), loader, strict=False):
            pass


def test_a_config_of_fastreids_alone(configure, tmp_path):
    cfg = get_cfg()
    cfg.DATASETS.NAMES = cfg.DATASETS.TESTS = ("DukeMTMC",)
    cfg.MODEL.DEVICE = "cpu"
    assert len(build_reid_train_loader(cfg).dataset) == 64
    loader, _ = build_reid_test_loader(cfg, dataset_name="DukeMTMC")
    assert next(iter(loader))["images"].shape[0] == 32
    with pytest.raises(AttributeError, match="SEED"):
        cfg.SEED  # noqa: B018 - left as it was


def test_affine_transforms(configure):
    batch = next(iter(build_reid_train_loader(configure("INPUT.AFFINE.ENABLED", True))))
    assert batch["images"].shape == (16, 3, 64, 32)


def test_keys_without_effect_are_said_once(configure, caplog):
    caplog.set_level(logging.WARNING)
    DefaultTrainer(configure("SOLVER.EMA.ENABLED", True, "SOLVER.ACCUMULATE", 4))
    (line,) = [r.getMessage() for r in caplog.records if "does not know" in r.getMessage()]
    assert "SOLVER.ACCUMULATE 4, SOLVER.EMA.ENABLED True:" in line
    caplog.clear()
    DefaultTrainer(configure())
    assert "does not know" not in caplog.text
