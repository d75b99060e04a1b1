"""Identities held out of training: who they are, how they are searched, and that nothing else changes."""

import pytest
from mdpr.data.loader import build_test_loader, build_train_loader, training_items
from mdpr.data.validation import evaluated_sets, query_and_gallery, split_identities
from mdpr.engine.setup import make_config
from mdpr.errors import ConfigError, DatasetError
from support.configs import CONFIGS, tiny_config
from support.miniatures import TINY, make_duke, make_market

ITEMS = [
    (f"{person}{camera}{n}", f"set_{person}", camera) for person in range(10) for camera in "ab" for n in "xy"
]


@pytest.fixture(scope="module")
def datasets(make_folder):
    root = make_folder("datasets")
    make_duke(root)
    make_market(root)
    return root


@pytest.fixture
def configure(datasets, monkeypatch):
    monkeypatch.setenv("FASTREID_DATASETS", str(datasets))
    options = ("DATASETS.NAMES", ("DukeMTMC",), "DATASETS.TESTS", ("DukeMTMC",), "DATALOADER.NUM_WORKERS", 0)
    return lambda *more: tiny_config(*options, "SOLVER.IMS_PER_BATCH", 8, "DATALOADER.NUM_INSTANCE", 4, *more)


def people(items):
    return {person for _, person, _ in items}


def test_a_share_of_the_people_is_held_out_whatever_the_order():
    trained, held_out = split_identities(ITEMS, 0.3, "set")
    assert len(people(held_out)) == 3
    assert not people(trained) & people(held_out)
    assert sorted(trained + held_out) == sorted(ITEMS)
    assert people(split_identities(ITEMS[::-1], 0.3, "set")[1]) == people(held_out)
    assert people(split_identities(ITEMS, 0.5, "set")[1]) > people(held_out)
    assert people(held_out) == {"set_4", "set_8", "set_9"}  # the first by sha256sum


@pytest.mark.parametrize(
    ("fraction", "counts"), [(0.1, "holds out 1 and leaves 9"), (0.9, "holds out 9 and leaves 1")]
)
def test_too_few_people_are_counted(fraction, counts):
    with pytest.raises(DatasetError, match=f"the 10 training identities of set it {counts}"):
        split_identities(ITEMS, fraction, "set")


def test_the_first_of_several_images_is_the_query():
    items = [
        ("1a0", "p1", "a"),
        ("1a1", "p1", "a"),
        ("1b0", "p1", "b"),
        ("2b0", "p2", "b"),
        ("2b1", "p2", "b"),
    ]
    query, gallery = query_and_gallery(items, "set")
    assert query == [("1a0", 0, 0), ("2b0", 1, 1)]
    assert gallery == [("1a1", 0, 0), ("1b0", 0, 1), ("2b1", 1, 1)]


def test_without_cameras_the_gallery_is_another_one():
    query, gallery = query_and_gallery([("10", "p1", "a"), ("11", "p1", "a"), ("20", "p2", "a")], "set")
    assert (query, gallery) == ([("10", 0, 0)], [("11", 0, 1), ("20", 1, 1)])


def test_nothing_to_search_is_an_error():
    with pytest.raises(DatasetError, match="of the 2 identities held out of set none has"):
        query_and_gallery([("1", "p1", "a"), ("2", "p2", "b"), ("3", "p2", "b")], "set")


def test_training_leaves_them_out_and_testing_begins_with_them(configure):
    cfg = configure("DATASETS.VAL_FRACTION", 0.25, "DATASETS.NAMES", ("DukeMTMC", "Market1501"))
    assert evaluated_sets(cfg) == ("DukeMTMC-val", "Market1501-val", "DukeMTMC")
    trained = build_train_loader(cfg).dataset
    assert trained.num_classes == 2 * 6
    loader, num_query = build_test_loader(cfg, "DukeMTMC-val")
    tested = loader.dataset
    assert tested.has_identities
    assert num_query == 2 * TINY.cameras
    assert len(tested) == 2 * TINY.cameras * TINY.images
    assert not {path for path, _, _ in trained.img_items} & {path for path, _, _ in tested.img_items}
    everyone = training_items(configure())
    of_duke = [item for item in trained.img_items if "DukeMTMC" in item[0]]
    assert {path for path, _, _ in everyone} == {path for path, _, _ in of_duke + tested.img_items}


def test_by_default_nobody_is_held_out(configure):
    cfg = configure()
    assert cfg.DATASETS.VAL_FRACTION == 0
    assert evaluated_sets(cfg) == ("DukeMTMC",)
    assert len(people(training_items(cfg))) == TINY.train_identities


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("1.0",), r"VAL_FRACTION is 1.0: expected a number >= 0 and below 1"),
        (("-0.1",), r"VAL_FRACTION is -0.1"),
        (
            ("0.1", "DATASETS.COMBINEALL", "True"),
            r"COMBINEALL is True: expected False while DATASETS.VAL_FRACTION",
        ),
    ],
)
def test_what_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        make_config(str(CONFIGS / "Duke/mdpr_R50.yml"), ["DATASETS.VAL_FRACTION", *options])
