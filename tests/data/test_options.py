"""The data sets' config keys."""

import pytest
from fastreid.config import get_cfg
from fastreid.data.datasets import DATASET_REGISTRY
from mdpr.data.options import add_dataset_keys, dataset_options
from mdpr.data.registry import known_datasets, load_dataset
from mdpr.errors import ConfigError, DatasetError
from mdpr.rules import value_of
from support.configs import CONFIGS
from support.datasets import dataset_config
from support.processes import python


def test_defaults():
    cfg = dataset_config()
    assert dataset_options(cfg, "Market1501") == {"market1501_500k": False}
    assert dataset_options(cfg, "MSMT17") == {"version": "V1", "with_validation": False}
    assert dataset_options(cfg, "CUHK03NP") == {"boxes": "detected"}
    assert dataset_options(cfg, "SynergyReID") == {"challenge": False}
    assert dataset_options(cfg, "DukeMTMC") == {}
    assert cfg.DATALOADER.SKIP_BROKEN_IMAGES is False


def test_keys_reach_the_constructors():
    cfg = dataset_config(
        *("DATASETS.MARKET1501.WITH_500K", True, "DATASETS.MSMT17.VERSION", "V2"),
        *("DATASETS.MSMT17.WITH_VALIDATION", True, "DATASETS.CUHK03NP.BOXES", "labeled"),
        *("DATASETS.SYNERGYREID.CHALLENGE", True, "DATASETS.IMAGE_FOLDER.PATH", "shop"),
        *("DATASETS.IMAGE_FOLDER.CSV", "list.csv"),
    )
    assert dataset_options(cfg, "Market1501") == {"market1501_500k": True}
    assert dataset_options(cfg, "MSMT17") == {"version": "V2", "with_validation": True}
    assert dataset_options(cfg, "CUHK03NP") == {"boxes": "labeled"}
    assert dataset_options(cfg, "SynergyReID") == {"challenge": True}
    assert dataset_options(cfg, "ImageFolderReID") == {"path": "shop", "csv_file": "list.csv"}


@pytest.mark.parametrize(
    ("name", "key", "value", "allowed"),
    [
        ("MSMT17", "MSMT17.VERSION", "V3", "V1, V2"),
        ("CUHK03NP", "CUHK03NP.BOXES", "labelled", "detected, labeled"),
        ("Market1501", "MARKET1501.WITH_500K", "yes", "True or False"),
        ("ImageFolderReID", "IMAGE_FOLDER.PATH", "", "the folder of your images"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(name, key, value, allowed):
    cfg = dataset_config()
    node, _, leaf = key.partition(".")
    cfg.DATASETS[node][leaf] = value
    with pytest.raises(ConfigError) as error:
        dataset_options(cfg, name)
    assert f"DATASETS.{key} is {value!r}: expected" in str(error.value)
    assert allowed in str(error.value)


def test_no_other_keys_are_added():
    def leaves(node, prefix=""):
        for key, value in node.items():
            if isinstance(value, dict):
                yield from leaves(value, f"{prefix}{key}.")
            else:
                yield f"{prefix}{key}"

    added = set(leaves(dataset_config())) - set(leaves(get_cfg()))
    assert added == {
        "DATASETS.MARKET1501.WITH_500K",
        "DATASETS.MSMT17.VERSION",
        "DATASETS.MSMT17.WITH_VALIDATION",
        "DATASETS.CUHK03NP.BOXES",
        "DATASETS.SYNERGYREID.CHALLENGE",
        "DATASETS.IMAGE_FOLDER.PATH",
        "DATASETS.IMAGE_FOLDER.CSV",
        "DATASETS.VAL_FRACTION",
        "DATALOADER.SKIP_BROKEN_IMAGES",
    }


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ConfigError) as error:
        load_dataset("market1501", dataset_config())
    message = str(error.value)
    assert "'market1501' is not a data set (did you mean 'Market1501'?)" in message
    assert ", ".join(known_datasets()) in message


def test_a_missing_set_of_fastreid_itself_says_where_it_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTREID_DATASETS", str(tmp_path))
    with pytest.raises(DatasetError, match=r"VIPeR.* is not found.*FASTREID_DATASETS") as error:
        load_dataset("VIPeR", dataset_config())
    assert str(tmp_path) in str(error.value)


def test_the_configs_defaults_are_the_constructors():
    """A class without keys in config.py would get its constructor's defaults, so ours must be the same."""
    stated, inferred = dataset_config(), get_cfg()
    add_dataset_keys(inferred)
    for name in known_datasets():
        for key, _ in getattr(DATASET_REGISTRY.get(name), "config_options", {}).values():
            assert value_of(inferred, key) == value_of(stated, key)


def test_a_project_adds_a_data_set_with_an_option_in_one_file(tmp_path, own_file):
    run = python(own_file, tmp_path, CONFIGS / "Synthetic/mdpr_R18.yml")
    assert run.returncode == 0, run.stdout + run.stderr
    good, bad, extended = run.stdout.splitlines()
    assert good == "('indoor', 'train')"
    assert bad == "DATASETS.MY_SET.PLACE is 'indor': expected one of indoor, outdoor (did you mean 'indoor'?)"
    assert extended == "7 'none'"


@pytest.fixture
def own_file(tmp_path):
    """A file of a project that knows this one as an installed package."""
    file = tmp_path / "my_project.py"
    file.write_text(
        """
import sys

import mdpr
from fastreid.config import CfgNode
from fastreid.data.datasets import DATASET_REGISTRY
from fastreid.data.datasets.bases import ImageDataset
from mdpr.data.registry import load_dataset
from mdpr.engine.setup import make_config
from mdpr.rules import Choice


@DATASET_REGISTRY.register()
class MySet(ImageDataset):
    config_options = {"place": ("DATASETS.MY_SET.PLACE", Choice(("indoor", "outdoor")))}

    def __init__(self, root, place="outdoor", **kwargs):
        self.place = place
        super().__init__([("0.jpg", "my_0", "my_0")], [], [], **kwargs)


def add_my_config(cfg):
    cfg.MY_PROJECT = CfgNode()
    cfg.MY_PROJECT.WEIGHT = 1
    cfg.MY_PROJECT.KIND = "none"


file, options = sys.argv[2], ["DATASETS.NAMES", ("MySet",), "MODEL.DEVICE", "cpu"]
cfg, _ = make_config(file, [*options, "DATASETS.MY_SET.PLACE", "indoor"])
dataset = load_dataset("MySet", cfg, root=sys.argv[1])
print((dataset.place, dataset.mode))
try:
    make_config(file, [*options, "DATASETS.MY_SET.PLACE", "indor"])
except ValueError as error:
    print(error)
cfg, _ = make_config(file, ["MY_PROJECT.WEIGHT", 7], extend=[add_my_config])
print(cfg.MY_PROJECT.WEIGHT, repr(cfg.MY_PROJECT.KIND))
"""
    )
    return file
