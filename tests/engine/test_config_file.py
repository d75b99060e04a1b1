"""Files that stand on each other, options on top, and what is wrong with them in one line."""

import pytest
from fastreid.config import get_cfg
from mdpr.config import add_mdpr_config
from mdpr.engine.config_file import leaves, read_layers
from mdpr.engine.setup import make_config
from mdpr.errors import ConfigError
from support.configs import CONFIG_FILES


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write


@pytest.mark.parametrize("file", CONFIG_FILES, ids=lambda path: path.name)
def test_what_a_file_sets_is_what_fastreid_reads_from_it(file):
    expected = get_cfg()
    add_mdpr_config(expected)
    expected.merge_from_file(str(file))
    cfg, _ = make_config(str(file), ["MODEL.DEVICE", "cpu", "SOLVER.AMP.ENABLED", False])
    expected.merge_from_list(["MODEL.DEVICE", "cpu", "SOLVER.AMP.ENABLED", False])
    assert dict(leaves(cfg)) == dict(leaves(expected))


def test_layers_from_the_lowest(write):
    base = write("base.yml", "SOLVER:\n  BASE_LR: 1e-3\n  MAX_EPOCH: 3\n")
    file = write("own.yml", "_BASE_: base.yml\nSOLVER:\n  MAX_EPOCH: 4\n")
    layers = read_layers(file)
    assert [layer.source for layer in layers] == [base, file]
    assert layers[1].values == {"SOLVER.MAX_EPOCH": 4}
    cfg, _ = make_config(file, ["SOLVER.MAX_EPOCH", "5"])
    assert (cfg.SOLVER.BASE_LR, cfg.SOLVER.MAX_EPOCH) == (0.001, 5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SOLVER: {MAX_EPOCHS: 3}", r"^SOLVER\.MAX_EPOCHS is not a config key \(did you mean "),
        ("MODEL: {NUM_PARTS: 3}", r"did you mean 'MODEL\.MDPR\.NUM_PARTS'\?\), in .*own\.yml"),
        ("SOLVER: {MAX_EPOCH: lots}", r"^SOLVER\.MAX_EPOCH is 'lots': expected a whole number"),
        ("SOLVER: 3", r"^SOLVER is 3: expected keys below it"),
        ("SOLVER:", r"^SOLVER is None: expected keys below it"),
        ("SEED: {A: 1}", r"^SEED\.A is 1: expected a whole number, such as 0, in .*own\.yml"),
        ("SEED: 2026-01-02", r"^SEED is .*: expected a whole number"),
        ("- SEED", r"own\.yml is list: expected keys and values"),
        ("SEED: [1", r"own\.yml is not YAML: .*line 1"),
        ("_BASE_: nowhere.yml", r"^_BASE_ of .*own\.yml: no file at .*nowhere\.yml"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line(write, text, message):
    with pytest.raises(ConfigError, match=message) as error:
        make_config(write("own.yml", text), [])
    assert "\n" not in str(error.value)


def test_an_empty_file_is_the_defaults(write):
    assert make_config(write("own.yml", ""), [])[0] == make_config("", [])[0]


def test_what_differs_from_the_base_is_said(write):
    write("base.yml", "SOLVER:\n  BASE_LR: 0.001\n")
    file = write("own.yml", "_BASE_: base.yml\nSOLVER:\n  MAX_EPOCH: 4\n")
    said = make_config(file, ["TEST.METRIC", "euclidean"])[1][0]
    assert "own.yml on " in said
    assert said.splitlines()[1:] == ["  SOLVER.MAX_EPOCH: 4", "  TEST.METRIC: 'euclidean'"]
    assert make_config("", [])[1][0] == "Config: fast-reid's defaults"
