"""The step in float32 is the authors'; those in half precision stand beside it, with what they are off by."""

import json
import math

import pytest
from benchmarks import fidelity
from mdpr_doctor import reference


@pytest.fixture(scope="module")
def docs(make_folder):
    """A page with the figures of float32 and bfloat16: float16 takes minutes where it is emulated."""
    folder = make_folder("docs")
    (folder / "training.md").write_text("A\n<!-- benchmark: begin --><!-- benchmark: end -->\nB\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fidelity, "FORMATS", {name: fidelity.FORMATS[name] for name in ("fp32", "bf16")})
        assert fidelity.main(["--docs", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def rows(docs):
    results = json.loads((docs / "training_benchmark.json").read_text())
    return {row["term"]: row for row in results["rows"]}


def test_float32_is_the_authors(rows):
    expected = reference.run(fidelity.NETWORK)
    for name, loss in {**expected["losses"], "total_loss": expected["total_loss"]}.items():
        assert rows[name]["fp32"] == pytest.approx(loss, rel=1e-4), name
    length = math.sqrt(sum(norm**2 for norm in expected["grad_norms"].values() if norm is not None))
    assert rows["gradient_norm"]["fp32"] == pytest.approx(length, rel=1e-2)
    assert rows.keys() - expected["losses"].keys() == {
        *("total_loss", "gradient_norm", fidelity.GRADIENT, fidelity.FEATURES)
    }


def test_half_precision_is_near_and_not_the_same(rows):
    assert rows["total_loss"]["bf16"] == pytest.approx(rows["total_loss"]["fp32"], rel=0.02)
    for name in (fidelity.GRADIENT, fidelity.FEATURES):
        assert rows[name]["fp32"] == pytest.approx(1)
        assert 0.9 < rows[name]["bf16"] < 1
    assert all(row["bf16"] != row["fp32"] for row in rows.values())


def test_page_shows_the_figures(docs, rows):
    page = (docs / "training.md").read_text()
    assert page.startswith("A\n") and page.endswith("B\n")
    for part in ("processor: ", "emulated: ", "| hard_part_1_triplet ", f"| {fidelity.FEATURES} "):
        assert part in page
    assert f" {rows['total_loss']['fp32']:.5g} |" in page


def test_difference_is_relative_to_float32():
    rows = [
        {"term": "loss_fusion_cls", "fp32": 50.0, "bf16": 49.0, "fp16": 50.0},
        {"term": "loss_mutual_distillation", "fp32": -0.04, "bf16": -0.05, "fp16": 0.04},
    ]
    text = fidelity.PAGE.markdown({"machine": {"GPU": "none"}, "rows": rows})
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    assert ["term", "fp32", "bf16", "off by", "fp16", "off by"] in cells
    assert ["fusion_cls", "50", "49", "2 %", "50", "0 %"] in cells
    assert ["mutual_distillation", "-0.04", "-0.05", "25 %", "0.04", "2e+02 %"] in cells
