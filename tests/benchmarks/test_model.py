"""The model's benchmark runs whole."""

import json
import os

import pytest
import torch
from benchmarks import model
from benchmarks.forms import EVAL_FORMS, ONE_KERNEL, TRAIN_FORMS
from benchmarks.measuring import Case, gigaflops, measure_all
from benchmarks.model_tables import PAGE
from mdpr.host import cpu_computes_in_bfloat16
from mdpr.kernels.convolution import Convolution
from support.processes import whereabouts


def test_operations_are_counted_as_twice_multiply_add():
    convolution = Convolution(3, 5, 1)
    assert gigaflops(lambda: convolution(torch.randn(2, 3, 4, 4))) == 2 * 2 * 16 * 3 * 5 / 1e9


def named(table):
    return [case.names for case in model.cases(quick=False) if case.names["table"] == table]


def test_plan_covers_what_the_page_speaks_of(monkeypatch):
    monkeypatch.setattr(model, "cpu_computes_in_bfloat16", lambda: True)
    assert {names["form"] for names in named("eval")} == {*EVAL_FORMS, *ONE_KERNEL}
    assert {names["form"] for names in named("train")} == {*TRAIN_FORMS, *ONE_KERNEL}
    large = {"depth": "101x", "ibn": True, "size": (384, 192), "batch": 16, "width": 512}
    assert large in [names["network"] for names in named("eval")]
    assert {names["network"]["batch"] for names in named("growth: batch")} == {1, 4, 16, 64}


def test_bfloat16_is_not_measured_where_it_is_emulated(monkeypatch):
    monkeypatch.setattr(model, "cpu_computes_in_bfloat16", lambda: False)
    for quick in (True, False):
        cases = list(model.cases(quick))
        assert len(cases) > 10
        assert not any("bf" in str((case.names, case.arguments)) for case in cases)


@pytest.fixture(scope="module")
def quick(make_folder):
    """Files of a quick run with a page."""
    folder = make_folder("docs")
    (folder / "speed.md").write_text("A\n<!-- benchmark: begin -->\nold\n<!-- benchmark: end -->\nB\n")
    threads = torch.get_num_threads()
    assert model.main(["--quick", "--docs", str(folder)]) == 0
    torch.set_num_threads(threads)
    return folder


def test_a_case_has_a_process_and_an_environment_of_its_own():
    names, variable = {"table": "eval"}, "MALLOC_MMAP_THRESHOLD_"
    cases = [
        Case(names, whereabouts, (variable,)),
        Case(names, whereabouts, (variable,), {variable: "65536"}),
    ]
    first, second = measure_all(cases, quick=False)
    assert len({first["process"], second["process"], os.getpid()}) == 3
    assert (first["value"], second["value"]) == (os.environ.get(variable), "65536")


def test_further_figures_of_a_case_join_its_rows():
    cases = [
        Case({"table": "eval"}, whereabouts, ("none",)),
        Case({"table": "more"}, lambda: [{"seconds": 3}], continues=True),
    ]
    (row,) = measure_all(cases, quick=True)
    assert row == {"table": "eval", "process": os.getpid(), "value": None, "seconds": 3}


def test_quick_run_measures_everything(quick):
    results = json.loads((quick / "speed_benchmark.json").read_text())
    rows = {(row["table"], row["form"]): row for row in results["rows"]}
    assert {table for table, _ in rows} == {
        *("peak", "eval", "train", "growth: batch", "loader", "first image"),
    }
    plain, deployed = rows["eval", "plain"], rows["eval", "deploy"]
    assert deployed["gigaflops"] < plain["gigaflops"]
    if cpu_computes_in_bfloat16():
        deployed = rows["eval", "deploy bf16"]
        assert deployed["parameters"] < plain["parameters"]
        assert deployed["gigaflops"] < plain["gigaflops"]
    else:
        assert "left out" in results["machine"]["bfloat16"]
    assert all(row["seconds"] > 0 for row in results["rows"] if "seconds" in row)
    memory = [row["peak_megabytes"] for row in results["rows"] if row["table"] == "train"]
    assert len(memory) == 2


def test_page_shows_the_figures(quick):
    page = (quick / "speed.md").read_text()
    results = json.loads((quick / "speed_benchmark.json").read_text())
    assert page.startswith("A\n")
    assert page.endswith("B\n")
    assert "old" not in page
    assert PAGE.markdown(results) in page
    for heading in ("Features", "A training step", "Growth", "Loader", "Start"):
        assert f"### {heading}" in page
    assert (quick / "speed_growth.png").stat().st_size > 1000
    figures = str(quick / "speed_benchmark.json")
    assert model.main(["--from-json", figures, "--docs", str(quick)]) == 0
    assert (quick / "speed.md").read_text() == page
