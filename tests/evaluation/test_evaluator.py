import logging

import numpy as np
import pytest
import torch
from fastreid.config import get_cfg
from fastreid.data.samplers import InferenceSampler
from fastreid.evaluation import ReidEvaluator as FastReidEvaluator
from fastreid.evaluation import print_csv_format
from fastreid.utils import comm, compute_dist
from mdpr.config import add_mdpr_config
from mdpr.evaluation import ReidEvaluator, load_features, load_rankings, score_saved_features
from mdpr.evaluation.distances import feature_distances
from mdpr.evaluation.distances.grid import to_grid
from mdpr.evaluation.reranking import query_expansion
from support.gather_worker import Task, evaluate_shards, free_port, shards
from support.retrieval_by_loops import (
    cosine_distances,
    euclidean_distances,
    random_problem,
    rank_by_loops,
    single_shot_cmc_by_loops,
)
from torch import multiprocessing

NUM_QUERY = 20


def config(*options):
    cfg = get_cfg()
    cfg.merge_from_list(["MODEL.DEVICE", "cpu", *options])
    return cfg


def own_config(*options):
    """With ``TEST.MDPR``, which a bare config of fast-reid does not have."""
    cfg = get_cfg()
    add_mdpr_config(cfg)
    cfg.merge_from_list(["MODEL.DEVICE", "cpu", *options])
    return cfg


def dataset(seed=0, **sizes):
    query, gallery, labels = random_problem(seed, **sizes)
    return (
        torch.from_numpy(np.concatenate([query, gallery])),
        torch.from_numpy(np.concatenate([labels.query_person, labels.gallery_person])),
        torch.from_numpy(np.concatenate([labels.query_camera, labels.gallery_camera])),
    )


def run(evaluator, data, batch_size=16):
    evaluator.reset()
    for features, person, camera in zip(*(part.split(batch_size) for part in data), strict=True):
        evaluator.process({"targets": person, "camids": camera}, features)
    return evaluator.evaluate()


@pytest.fixture
def fastreid_on_cpu(monkeypatch):
    """fast-reid's evaluator with its compilation off and its re-ranking on the CPU."""
    monkeypatch.setattr(FastReidEvaluator, "_compile_dependencies", lambda self: None)
    dense = compute_dist.compute_jaccard_distance
    monkeypatch.setattr(
        compute_dist,
        "compute_jaccard_distance",
        lambda features, k1, k2, search_option: dense(features, k1, k2, search_option=3),
    )
    return FastReidEvaluator


SETTINGS = [
    (),
    ("TEST.ROC.ENABLED", True),
    ("TEST.RERANK.ENABLED", True, "TEST.RERANK.K1", 8, "TEST.RERANK.K2", 3),
    ("TEST.AQE.ENABLED", True, "TEST.AQE.QE_TIME", 2),
    ("TEST.RERANK.ENABLED", True, "TEST.AQE.ENABLED", True, "TEST.ROC.ENABLED", True),
]


@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_equals_fastreid(options, fastreid_on_cpu):
    cfg, data = config(*options), dataset(num_gallery=200)
    expected = run(fastreid_on_cpu(cfg, NUM_QUERY), data)
    result = run(ReidEvaluator(cfg, NUM_QUERY), data)
    assert list(result) == list(expected)
    assert dict(result) == pytest.approx(expected, abs=1e-4)
    assert all(type(value) is float for value in result.values())


@pytest.mark.parametrize("options", [(), ("TEST.RERANK.ENABLED", True), ("TEST.AQE.ENABLED", True)], ids=str)
@pytest.mark.parametrize(
    ("wanted", "has_gpu", "device"),
    [("cpu", True, "cpu"), ("cuda", False, "cpu"), ("cuda:1", True, "cuda:1")],
)
def test_the_config_decides_about_the_gpu(options, wanted, has_gpu, device, monkeypatch):
    asked = []

    def put(*parts, normalise, device):
        asked.append(device)
        return to_grid(*parts, normalise=normalise)

    for user in (feature_distances, query_expansion):
        monkeypatch.setattr(user, "to_grid", put)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    run(ReidEvaluator(config(*options, "MODEL.DEVICE", wanted), NUM_QUERY), dataset())
    assert set(asked) == {device}


def test_euclidean_metric():
    query, gallery, labels = random_problem(0)
    result = run(ReidEvaluator(config("TEST.METRIC", "euclidean"), NUM_QUERY), dataset())
    cmc, precisions, penalties, _ = rank_by_loops(euclidean_distances(query, gallery), labels)
    assert result["mAP"] == pytest.approx(100 * np.nanmean(precisions))
    assert result["mINP"] == pytest.approx(100 * np.nanmean(penalties))
    assert result["Rank-5"] == pytest.approx(100 * cmc[4])
    assert result["metric"] == pytest.approx((result["mAP"] + result["Rank-1"]) / 2)


def test_reranking_gives_both_results():
    plain = ReidEvaluator(config(), NUM_QUERY)
    reranked = ReidEvaluator(config("TEST.RERANK.ENABLED", True), NUM_QUERY)
    plain_result, reranked_result = run(plain, dataset()), run(reranked, dataset())
    assert plain.results_by_setting == {"": plain_result}
    assert reranked.results_by_setting == {"": plain_result, "+rerank": reranked_result}
    assert plain_result["mAP"] != reranked_result["mAP"]


def test_features_are_checked_and_put_on_the_grid_once(monkeypatch):
    checked, on_grid = [], []
    check, put = feature_distances.as_feature_matrix, feature_distances.to_grid

    def check_and_note(features, name):
        checked.append(name)
        return check(features, name)

    def put_and_note(*parts, **options):
        on_grid.append([len(part) for part in parts])
        return put(*parts, **options)

    monkeypatch.setattr(feature_distances, "as_feature_matrix", check_and_note)
    monkeypatch.setattr(feature_distances, "to_grid", put_and_note)
    run(ReidEvaluator(config("TEST.RERANK.ENABLED", True), NUM_QUERY), dataset())
    assert checked == ["query features", "gallery features"]
    assert on_grid == [[20, 80]]


def test_returned_results_can_be_changed():
    evaluator = ReidEvaluator(config(), NUM_QUERY)
    result = run(evaluator, dataset())
    result["dataset"] = "Market1501"
    print_csv_format(result)
    assert "dataset" not in evaluator.results_by_setting[""]


def test_gallery_shorter_than_the_ranks_reported():
    result = run(ReidEvaluator(config(), 2), dataset(num_query=2, num_gallery=4, num_people=1))
    assert result["Rank-5"] == result["Rank-10"] == 100.0


def test_half_precision_features_and_narrow_labels():
    features, person, camera = dataset()
    data = features.half().float(), person, camera
    expected = run(ReidEvaluator(config(), NUM_QUERY), data)
    evaluator = ReidEvaluator(config(), NUM_QUERY)
    assert run(evaluator, (features.half(), person.int(), camera.short())) == expected


def test_gradients_are_not_kept():
    features, person, camera = dataset()
    evaluator = ReidEvaluator(config(), NUM_QUERY)
    evaluator.process({"targets": person, "camids": camera}, features.requires_grad_())
    assert not evaluator._features[0].requires_grad


def test_reset_forgets():
    evaluator = ReidEvaluator(config(), NUM_QUERY)
    assert run(evaluator, dataset(0)) == run(evaluator, dataset(0))


def test_files_that_the_config_asks_for(tmp_path):
    cfg = own_config(
        *("TEST.MDPR.SAVE_FEATURES", True, "TEST.MDPR.SAVE_RANKINGS", True),
        *("TEST.MDPR.RANKING_LENGTH", 7, "TEST.RERANK.ENABLED", True, "TEST.AQE.ENABLED", True),
    )
    data, paths = dataset(), [f"{i}.jpg" for i in range(100)]
    evaluator = ReidEvaluator(cfg, NUM_QUERY, str(tmp_path), dataset_name="Duke", paths=paths)
    result = run(evaluator, data)
    assert {file.name for file in tmp_path.iterdir()} == {
        *("Duke_features.npz", "Duke_rankings.npz", "Duke+rerank_rankings.npz"),
    }
    # The features as the model gave them, before query expansion.
    saved = load_features(tmp_path / "Duke_features.npz")
    np.testing.assert_array_equal(saved.features, data[0])
    plain = run(ReidEvaluator(config(), NUM_QUERY), data)
    scores = score_saved_features(saved)
    assert {name: plain[name] for name in scores} == scores
    assert load_rankings(tmp_path / "Duke_rankings.npz").measure == "cosine of expanded features"
    rankings = load_rankings(tmp_path / "Duke+rerank_rankings.npz")
    assert rankings.measure == "re-ranked cosine of expanded features"
    assert rankings.ranked.shape == (NUM_QUERY, 7)
    assert 100 * np.nanmean(rankings.average_precision) == result["mAP"]
    assert rankings.query_path.tolist() == paths[:NUM_QUERY]
    assert rankings.gallery_path.tolist() == paths[NUM_QUERY:]


def test_no_files_unless_asked_for(tmp_path):
    run(ReidEvaluator(own_config(), NUM_QUERY, str(tmp_path), dataset_name="Duke"), dataset())
    assert list(tmp_path.iterdir()) == []


def test_files_without_a_name_go_to_the_output_folder(tmp_path):
    options = ("OUTPUT_DIR", str(tmp_path / "new"), "TEST.MDPR.SAVE_FEATURES", True)
    run(ReidEvaluator(own_config(*options), NUM_QUERY), dataset())
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["features.npz"]


def test_classic_cuhk03_protocol():
    query, gallery, labels = random_problem(0)
    result = run(ReidEvaluator(own_config("TEST.MDPR.PROTOCOL", "cuhk03"), NUM_QUERY), dataset())
    cmc = single_shot_cmc_by_loops(cosine_distances(query, gallery), labels, seed=0, repeats=10)
    assert result["Rank-1"] == pytest.approx(100 * cmc[0])
    assert result["mAP"] == run(ReidEvaluator(config(), NUM_QUERY), dataset())["mAP"]


# --- several processes


@pytest.fixture(scope="module")
def two_processes(make_folder):
    """What two processes found, and what one finds, by set."""
    folder = make_folder("processes")
    sets = [dataset(num_gallery=81), dataset(num_gallery=80)]
    settings = ("TEST.RERANK.ENABLED", True, "TEST.ROC.ENABLED", True, "TEST.AQE.ENABLED", True)
    cfg = own_config(*settings, "TEST.MDPR.SAVE_FEATURES", True, "TEST.MDPR.SAVE_RANKINGS", True)
    for i, data in enumerate(sets):
        torch.save(data, folder / f"{i}.pt")
    task = Task(2, free_port(), cfg.dump(), NUM_QUERY, folder)
    multiprocessing.spawn(evaluate_shards, (task,), task.num_processes)
    single = ReidEvaluator(cfg, NUM_QUERY, str(folder / "files_of_one"))
    return folder, [(run(single, data), single.results_by_setting) for data in sets]


@pytest.mark.parametrize("share", [False, True])
def test_two_processes_give_the_same_bits(two_processes, share):
    folder, expected = two_processes
    for i, found in enumerate(expected):
        assert torch.load(folder / f"{i}_{share}_by_0.pt") == found
        assert torch.load(folder / f"{i}_{share}_by_1.pt") == ({}, {})
    assert not (folder / f"files_{share}_of_1").exists()
    for file in (folder / "files_of_one").iterdir():
        found = np.load(folder / f"files_{share}_of_0" / file.name)
        np.testing.assert_equal(dict(found), dict(np.load(file)))


def test_rows_are_gathered_where_they_are_kept(two_processes):
    for process in range(2):
        gathered = torch.load(two_processes[0] / f"gathered_by_{process}.pt")
        expected = torch.arange(12.0).reshape(4, 3)
        assert torch.equal(gathered, expected if process == 0 else expected[:0])


def test_shards_follow_fastreids_sampler(monkeypatch):
    for size, num_processes in ((9, 2), (8, 2), (3, 4)):
        for process, shard in enumerate(shards(size, num_processes)):
            monkeypatch.setattr(comm, "get_rank", lambda rank=process: rank)
            monkeypatch.setattr(comm, "get_world_size", lambda count=num_processes: count)
            assert list(InferenceSampler(size)) == list(range(size)[shard])


# --- wrong input


def test_features_that_are_not_finite():
    data = dataset()
    data[0][25, 3] = torch.nan
    with pytest.raises(ValueError, match=r"gallery features: 1 of 80 rows .* \(row 5\)"):
        run(ReidEvaluator(config(), NUM_QUERY), data)


def test_no_gallery():
    with pytest.raises(ValueError, match="100 images were seen, 100 of which should be queries"):
        run(ReidEvaluator(config(), 100), dataset())


def test_nothing_seen():
    with pytest.raises(ValueError, match="0 images were seen, 20 of which"):
        ReidEvaluator(config(), NUM_QUERY).evaluate()


def test_batch_with_a_missing_label():
    features, person, camera = dataset()
    with pytest.raises(ValueError, match="100 features, 99 person labels and 100 camera labels"):
        ReidEvaluator(config(), NUM_QUERY).process({"targets": person[:-1], "camids": camera}, features)


def test_query_without_match_is_logged(caplog):
    features, person, camera = dataset()
    person[3] = 99
    with caplog.at_level(logging.WARNING):
        run(ReidEvaluator(config(), NUM_QUERY), (features, person, camera))
    assert "1 of 20 queries have no match" in caplog.text
