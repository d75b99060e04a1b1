"""The data sets' config keys."""

import pytest
from fastreid.config import get_cfg
from mdpr.data.options import dataset_options
from mdpr.data.registry import known_datasets, load_dataset
from mdpr.errors import ConfigError, DatasetError
from support.datasets import dataset_config


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
        "DATALOADER.SKIP_BROKEN_IMAGES",
        "DATALOADER.IMAGE_CACHE",
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
