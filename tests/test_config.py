"""Every shipped config loads and builds; every bad value is refused with a message that helps."""

import re

import pytest
import torch
import yaml
from fastreid.config import get_cfg
from fastreid.modeling.backbones import build_backbone
from fastreid.modeling.meta_arch import META_ARCH_REGISTRY, build_model
from mdpr.config import add_mdpr_config, changed
from mdpr.data.validation import evaluated_sets
from mdpr.engine.config_file import leaves
from mdpr.engine.setup import make_config
from mdpr.errors import ConfigError
from mdpr.modeling.settings import MDPRSettings, feature_rows
from mdpr.rules import value_of
from mdpr.study import read_study
from support.configs import CONFIG_FILES, CONFIGS, ROOT, config, tiny_config

FILES = [str(path.relative_to(CONFIGS)) for path in CONFIG_FILES]
RUNNABLE = [file for file in FILES if not file.rpartition("/")[2].startswith("Base")]


@pytest.mark.parametrize("file", FILES)
def test_config_loads(file):
    assert config(file).MODEL.META_ARCHITECTURE in META_ARCH_REGISTRY._obj_map


@pytest.mark.parametrize("file", RUNNABLE)
def test_config_builds(file):
    with torch.device("meta"):  # no numbers, in no time
        assert build_model(config(file, "MODEL.HEADS.NUM_CLASSES", 3, "MODEL.DEVICE", "meta")) is not None


def test_every_run_has_a_folder_of_its_own():
    folders = [config(file).OUTPUT_DIR for file in RUNNABLE]
    assert len(set(folders)) == len(folders)
    assert folders == [f"logs/{file.removesuffix('.yml')}" for file in RUNNABLE]


@pytest.mark.parametrize("file", RUNNABLE)
def test_configs_state_only_differences(file):
    """No key repeats what its base says."""

    def flat(node, prefix=""):
        for key, value in node.items():
            if isinstance(value, dict):
                yield from flat(value, f"{prefix}{key}.")
            elif key != "_BASE_":
                yield prefix + key, value

    content = yaml.safe_load((CONFIGS / file).read_text())
    base = get_cfg()
    add_mdpr_config(base)
    base.merge_from_file(str((CONFIGS / file).parent / content["_BASE_"]))
    for key, value in flat(content):
        node = base
        for part in key.split("."):
            node = node[part]
        own = config(file)
        for part in key.split("."):
            own = own[part]
        # What a config trains on is said even where it is fast-reid's default.
        if key not in ("MODEL.DEVICE", "MODEL.BACKBONE.PRETRAIN") and "DATASETS" not in key:
            assert own != node, f"{key}: {value} is already so in the base"


def test_every_key_of_the_method_is_read():
    assert {key.lower() for key in config().MODEL.MDPR} == set(MDPRSettings.__dataclass_fields__)
    sources = "".join(path.read_text() for path in (ROOT / "projects/MDPR/mdpr/modeling").rglob("*.py"))
    for field in MDPRSettings.__dataclass_fields__:
        uses = re.findall(rf"settings\.{field}\b", sources)
        # `distillation` is read through `distills`, `loss_scales` where losses are made of the config;
        # recomputation is no part of the method's modules.
        assert uses or field in ("distillation", "loss_scales", "recompute_activations"), field
    network = (ROOT / "projects/MDPR/mdpr/engine/network.py").read_text()
    assert "cfg.MODEL.MDPR.RECOMPUTE_ACTIVATIONS" in network


def test_config_imports_nothing_of_ours():
    source = (ROOT / "projects/MDPR/mdpr/config.py").read_text()
    assert not re.search(r"^(from|import) mdpr", source, re.MULTILINE)


def test_a_config_is_changed_in_a_copy():
    cfg = config()
    cfg.freeze()
    other = changed(cfg, "TEST.AQE.QE_K", 7, "DATASETS.NAMES", ("MSMT17",))
    assert (other.TEST.AQE.QE_K, other.DATASETS.NAMES) == (7, ("MSMT17",))
    assert (cfg.TEST.AQE.QE_K, cfg.DATASETS.NAMES) == (5, ("Market1501",))
    assert other.is_frozen()
    assert cfg.is_frozen()
    with pytest.raises(KeyError, match=r"TEST\.AQE\.K"):
        changed(cfg, "TEST.AQE.K", 7)


def test_no_config_is_thawed_elsewhere():
    package = ROOT / "projects/MDPR"
    sources = [path for path in package.rglob("*.py") if "defrost" in path.read_text()]
    assert sources == [package / "mdpr/config.py"]


BAD_VALUES = [
    ("MODEL.MDPR.NUM_PARTS", 0, "1 or more"),
    ("MODEL.MDPR.NUM_PARTS", 7, "4 feature rows"),
    ("MODEL.MDPR.NUM_ATTENTIONS", 0, "1 or more"),
    ("MODEL.MDPR.EMBEDDING_DIM", -1, "1 or more"),
    ("MODEL.MDPR.AREA_SCALE", -0.5, ">= 0"),
    ("MODEL.MDPR.DIVERSITY_SCALE", float("nan"), ">= 0"),
    ("MODEL.MDPR.HARD_BRANCH", False, "FUSION"),
    ("MODEL.BACKBONE.LAST_STRIDE", 2, "FUSION"),
    ("MODEL.BACKBONE.LAST_STRIDE", 3, "1 or 2"),
    ("MODEL.BACKBONE.DEPTH", "19x", "18x, 34x, 50x, 101x"),
    ("MODEL.BACKBONE.FEAT_DIM", 2048, "512 for 18x"),
    ("MODEL.BACKBONE.WITH_NL", True, "False"),
    ("MODEL.BACKBONE.NAME", "build_osnet_backbone", "build_resnet_backbone"),
    ("MODEL.LOSSES.NAME", ("CrossEntropyLoss", "TripletLos"), "TripletLoss"),
    ("MODEL.LOSSES.NAME", ("TripletLoss",), "CrossEntropyLoss"),
    ("MODEL.HEADS.EMBEDDING_DIM", 64, "MODEL.MDPR.EMBEDDING_DIM"),
    ("MODEL.HEADS.WITH_BNNECK", False, "True"),
    ("MODEL.HEADS.NECK_FEAT", "behind", "after, before"),
    ("MODEL.MDPR.LOSS_SCALES", ["fusion"], "a list of name, weight"),
    ("MODEL.MDPR.LOSS_SCALES", ["fusion", 2.0, "fusion", 1.0], "every head once"),
    ("MODEL.MDPR.LOSS_SCALES", ["hard_part_2", 2.0], "attn_bap4, attn_bap3"),
    ("MODEL.MDPR.LOSS_SCALES", ["fusion", 0], "above 0"),
]


@pytest.mark.parametrize(("key", "value", "allowed"), BAD_VALUES, ids=str)
def test_bad_value_is_named(key, value, allowed):
    with pytest.raises(ValueError, match=re.escape(allowed)) as error:
        build_model(tiny_config(key, value))
    named = "FUSION" if key.endswith("BRANCH") else key.rpartition(".")[2]
    assert named in str(error.value)
    assert isinstance(error.value, ConfigError)


def test_no_branch_at_all_is_refused():
    with pytest.raises(ConfigError, match=r"HARD_BRANCH and MODEL.MDPR.SOFT_BRANCH are both False"):
        build_model(tiny_config("MODEL.MDPR.HARD_BRANCH", False, "MODEL.MDPR.SOFT_BRANCH", False))


def test_distillation_with_one_branch_is_refused():
    options = ("MODEL.MDPR.SOFT_BRANCH", False, "MODEL.MDPR.FUSION", False)
    with pytest.raises(ConfigError, match=r"DISTILLATION is True: .*SOFT_BRANCH is False"):
        build_model(tiny_config(*options))


# 5 parts: stripes of 5, 5, 5, 5 and 4 rows.
@pytest.mark.parametrize("parts", [1, 2, 3, 4, 5, 6, 8, 12, 24])
def test_as_many_parts_as_can_be_cut(parts):
    size = ["INPUT.SIZE_TRAIN", [384, 32], "INPUT.SIZE_TEST", [384, 32]]
    settings = MDPRSettings.from_config(tiny_config(*size, "MODEL.MDPR.NUM_PARTS", parts))
    assert settings.num_parts == len(torch.zeros(1, 1, 24, 1).chunk(parts, dim=2))


@pytest.mark.parametrize("parts", [7, 9, 25])
def test_parts_that_24_rows_cannot_give(parts):
    size = ["INPUT.SIZE_TRAIN", [384, 32], "INPUT.SIZE_TEST", [384, 32]]
    with pytest.raises(ConfigError, match="24 feature rows"):
        MDPRSettings.from_config(tiny_config(*size, "MODEL.MDPR.NUM_PARTS", parts))


@pytest.mark.parametrize("height", [64, 100, 112, 128, 255, 256, 384])
@pytest.mark.parametrize("last_stride", [1, 2])
def test_feature_rows_are_the_networks(height, last_stride, resnet_rows):
    assert feature_rows(height, last_stride) == resnet_rows(height, last_stride)


@pytest.fixture(scope="module")
def resnet_rows():
    nets = {s: build_backbone(tiny_config("MODEL.BACKBONE.LAST_STRIDE", s)).eval() for s in (1, 2)}

    def rows(height, last_stride):
        with torch.no_grad():
            return nets[last_stride](torch.zeros(1, 3, height, 32)).shape[2]

    return rows


class TestCommandLine:
    def test_machine_without_gpu_is_one_line_each(self):
        options = ["MODEL.BACKBONE.PRETRAIN", "False", "SOLVER.AMP.ENABLED", "True"]
        cfg, (_, *notes) = make_config(str(CONFIGS / "Duke/mdpr_R50.yml"), options)
        if not torch.cuda.is_available():
            assert cfg.MODEL.DEVICE == "cpu"
            assert not cfg.SOLVER.AMP.ENABLED
            assert len(notes) == 2
            assert all("\n" not in note for note in notes)

    @pytest.mark.parametrize(
        ("file", "options", "message"),
        [
            ("nowhere.yml", [], r"--config-file: no file at /.*nowhere.yml"),
            ("", ["MODEL.MDPR.NUM_PART", "2"], r"NUM_PART"),
            ("", ["SOLVER.MAX_EPOCH", "many"], r"MAX_EPOCH"),
            ("", ["SOLVER.MAX_EPOCH"], r"'SOLVER.MAX_EPOCH' has no value"),
        ],
    )
    def test_bad_command_line_is_named(self, file, options, message):
        with pytest.raises(ConfigError, match=message):
            make_config(file, options)


class TestStudy:
    FOLDER = CONFIGS / "Synthetic"
    STUDY = yaml.safe_load((FOLDER / "study.yml").read_text())

    def test_its_schedule_is_that_of_the_larger_set(self):
        own = leaves(yaml.safe_load((self.FOLDER / "Base-SyntheticXL.yml").read_text()))
        options = self.STUDY["options"]
        given = dict(zip(options[::2], options[1::2], strict=True))
        assert given == {key: value for key, value in own if key != "_BASE_"}

    def test_every_row_loads_under_it(self):
        rows = self.STUDY["rows"]
        assert self.STUDY["reference"] in rows
        for row in rows.values():
            cfg = config(f"Synthetic/{row['config']}", *self.STUDY["options"], *row.get("options", ()))
            assert cfg.DATASETS.TESTS == ("SynthPersonsXL", "SynthPersonsXLOther")

    def test_choices_are_made_on_people_held_out_alone(self):
        study = read_study(self.FOLDER / "plus_study.yml")
        runs = study.pick(seeds=[0])
        (reference,) = study.pick([study.reference], [0])
        plain, _ = make_config(reference.config, reference.options)
        for run in runs:
            cfg, _ = make_config(run.config, run.options)
            first, *others = evaluated_sets(cfg)
            assert first == "SynthPersonsXL-val"
            assert bool(others) == run.row.startswith("test ")
            assert not others or run.weights is not None
            given = run.options[len(reference.options) :: 2]
            assert [key for key in given if value_of(cfg, key) == value_of(plain, key)] == [], run.row
