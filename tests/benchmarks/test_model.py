"""The model's benchmark runs whole."""

import json
import runpy

import pytest
import torch
from mdpr.benchmarks.model.forms import EVAL_FORMS, TRAIN_FORMS, Network
from mdpr.benchmarks.model.plan import Task, plan
from mdpr.benchmarks.model.resources import gigaflops
from mdpr.benchmarks.model.run import measure_all
from mdpr.benchmarks.model.tables import markdown
from mdpr.kernels.convolution import Convolution
from support.configs import ROOT

SCRIPT = ROOT / "scripts/benchmark_model.py"


def test_operations_are_counted_as_twice_multiply_add():
    convolution = Convolution(3, 5, 1)
    assert gigaflops(lambda: convolution(torch.randn(2, 3, 4, 4))) == 2 * 2 * 16 * 3 * 5 / 1e9


def test_plan_covers_what_the_page_speaks_of():
    tasks = list(plan(quick=False))
    assert {t.form for t in tasks if t.table == "eval"} == set(EVAL_FORMS)
    assert {t.form for t in tasks if t.table == "train"} == set(TRAIN_FORMS)
    assert Network("101x", True, (384, 192), 16) in {t.network for t in tasks if t.table == "eval"}
    assert {t.network.batch for t in tasks if t.table == "growth: batch"} == {1, 4, 16, 64}


@pytest.fixture(scope="module")
def quick(make_folder):
    """Files of a quick run with a page."""
    folder = make_folder("docs")
    (folder / "speed.md").write_text(
        "A\n<!-- benchmark: begin -->\nold\n<!-- benchmark: end -->\nB\n"
    )
    main, threads = runpy.run_path(str(SCRIPT))["main"], torch.get_num_threads()
    assert main(["--quick", "--docs", str(folder)]) == 0
    torch.set_num_threads(threads)
    return folder


def test_worker_is_a_process_of_its_own():
    network = Network("18x", False, (64, 32), 4)
    tasks = [Task("train", kind, "plain", network, trains=True) for kind in ("time", "memory")]
    (row,) = measure_all(tasks, str(ROOT / "configs/Base-MDPR.yml"), quick=False)["rows"]
    assert row["seconds"] > 0
    assert row["peak_megabytes"] is None or row["peak_megabytes"] > 10


def test_quick_run_measures_everything(quick):
    results = json.loads((quick / "speed_benchmark.json").read_text())
    rows = {(row["table"], row["form"]): row for row in results["rows"]}
    assert {table for table, _ in rows} == {
        *("peak", "eval", "train", "growth: batch", "loader", "first image"),
    }
    plain, deployed = rows["eval", "plain"], rows["eval", "deploy bf16"]
    assert deployed["parameters"] < plain["parameters"]
    assert deployed["gigaflops"] < plain["gigaflops"]
    assert all(row["seconds"] > 0 for row in results["rows"] if "seconds" in row)
    memory = [row["peak_megabytes"] for row in results["rows"] if row["table"] == "train"]
    assert len(memory) == 2


def test_page_shows_the_figures(quick):
    page = (quick / "speed.md").read_text()
    results = json.loads((quick / "speed_benchmark.json").read_text())
    assert page.startswith("A\n")
    assert page.endswith("B\n")
    assert "old" not in page
    assert markdown(results, "speed_growth.png") in page
    for heading in ("Features", "A training step", "Growth", "Loader", "Start"):
        assert f"### {heading}" in page
    assert (quick / "speed_growth.png").stat().st_size > 1000
    main = runpy.run_path(str(SCRIPT))["main"]
    assert main(["--from-json", str(quick / "speed_benchmark.json"), "--docs", str(quick)]) == 0
    assert (quick / "speed.md").read_text() == page
