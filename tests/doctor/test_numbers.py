"""Checks of what the machine computes, each on the CPU; the GPU half calls the same functions."""

import math

import mdpr.host
import numpy as np
import pytest
import torch
from mdpr.errors import NonFiniteError
from mdpr_doctor import networks, parity, reference, retrieval, speed, steps
from mdpr_doctor.configs import MINIATURE
from mdpr_doctor.finding import FAILED, NOT_HERE, OK
from mdpr_doctor.speed import Cost
from support import retrieval_by_loops

RUN = "official_r18"


@pytest.fixture
def half_is_float32(monkeypatch):
    """Half precision takes its way through the checks, and float32's time."""
    for module in (parity, networks):
        monkeypatch.setitem(module.PRECISIONS, "bfloat16", torch.float32)


def test_parity_in_float32():
    finding = parity.check_parity("cpu", runs=[RUN])
    assert finding.status == OK, finding
    numbers = finding.details[RUN]
    assert set(numbers["judged"]) == {
        "features",
        "total loss",
        "gradient",
        "one loss",
        "one gradient, float64",
    }
    assert max(numbers["judged"].values()) < 1e-3
    assert set(numbers["losses"]) == set(reference.run(RUN)["losses"])
    assert len(numbers["gradients in float64"]) > 100


def test_parity_in_half_precision(half_is_float32):
    finding = parity.check_parity("cpu", "bfloat16", runs=[RUN])
    assert finding.status == OK, finding
    assert set(finding.details[RUN]["judged"]) == {"features", "total loss", "gradient"}
    assert "gradients" in finding.details[RUN]


@pytest.mark.parametrize("value", [0.002, math.nan])
@pytest.mark.parametrize("run", reference.RUNS)
def test_other_numbers_are_found(monkeypatch, run, value):
    def compare(numbers, device, precision):
        return {"judged": {"features": 1e-7, "one loss": value if numbers == run else 1e-7}}

    monkeypatch.setattr(reference, "run", lambda name: name)
    monkeypatch.setattr(parity, "_compare", compare)
    finding = parity.check_parity("cpu")
    assert finding.status == FAILED
    assert finding.found == f"largest difference: features 1e-07, one loss {value:.0e} (allowed: 0.001)"


def test_tensor_float_32_is_off_for_a_while():
    before = torch.backends.cudnn.allow_tf32
    with networks.exact_float32():
        assert not torch.backends.cudnn.allow_tf32
        assert not torch.backends.cuda.matmul.allow_tf32
    assert torch.backends.cudnn.allow_tf32 is before


def test_ten_steps():
    finding = steps.check_steps("cpu")
    assert finding.status == OK, finding
    assert len(finding.details["losses"]) == 10
    assert finding.details["overflows"] == 0


class Scaler:
    def __init__(self):
        self.factor = 4.0

    def get_scale(self):
        return self.factor


class Step:
    """A step whose losses are given; None overflows."""

    def __init__(self, losses):
        self.iter, self.grad_scaler, self._losses, self.scalars = 0, Scaler(), iter(losses), self

    def run_step(self):
        self._loss = next(self._losses)
        self.grad_scaler.factor /= 2 if self._loss is None else 1

    def settle(self):
        pass

    def read(self):
        return {"total_loss": 9.0 if self._loss is None else self._loss}


@pytest.mark.parametrize(
    ("losses", "status"),
    [
        ([None, None, 5.0, 4.0, 3.0], OK),
        ([3.0, None, 4.0, 3.5], FAILED),
        ([3.0, 2.0, math.nan], FAILED),
        ([None] * networks.MOST_OVERFLOWS, FAILED),
    ],
)
def test_losses_have_to_fall(monkeypatch, losses, status):
    monkeypatch.setattr(steps, "make_network", lambda *_: None)
    monkeypatch.setattr(steps, "make_step", lambda *_: Step(losses))
    finding = steps.check_steps("cpu", "float16", steps=3)
    assert finding.status == status
    assert finding.details["overflows"] == losses.count(None)


def test_a_loss_that_is_not_finite(monkeypatch):
    batch = networks.random_batch("cpu", 8, (64, 32), 4)
    batch["images"][0] = math.nan
    monkeypatch.setattr(steps, "random_batch", lambda *_: batch)
    with pytest.raises(NonFiniteError):
        steps.check_steps("cpu", steps=2)


def test_bfloat16_on_a_cpu_that_emulates_it(monkeypatch, half_is_float32):
    monkeypatch.setattr(mdpr.host, "cpu_computes_in_bfloat16", lambda: False)
    assert steps.check_steps("cpu", "bfloat16").status == NOT_HERE
    monkeypatch.setattr(mdpr.host, "cpu_computes_in_bfloat16", lambda: True)
    assert steps.check_steps("cpu", "bfloat16", steps=2).status == OK


def test_scores_agree_with_the_loops(monkeypatch):
    finding = retrieval.check_scores()
    assert finding.status == OK, finding
    monkeypatch.setattr(retrieval.dense, "scores", lambda *_: {"mAP": 50.0, "Rank-1": math.nan})
    assert retrieval.check_scores().status == FAILED


def test_the_loops_agree_with_those_of_the_tests():
    query, gallery, labels = retrieval_by_loops.random_problem(1)
    query, gallery = query.astype(float), gallery.astype(float)
    distances = retrieval.dense.cosine_distances(query, gallery)
    np.testing.assert_allclose(distances, retrieval_by_loops.cosine_distances(query, gallery), atol=1e-12)
    person = np.concatenate([labels.query_person, labels.gallery_person])
    camera = np.concatenate([labels.query_camera, labels.gallery_camera])
    cmc, precisions, _, _ = retrieval_by_loops.rank_by_loops(distances, labels)
    found = retrieval.dense.scores(distances, person, camera, np.arange(len(person)) < len(query))
    assert found == pytest.approx({"mAP": 100 * np.nanmean(precisions), "Rank-1": 100 * cmc[0]})
    jaccard = retrieval.dense.reranked_distances(query, gallery, k1=12, k2=4, weight=0.0)
    unit = np.concatenate([query, gallery])
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    expected = retrieval_by_loops.jaccard_distances(unit, k1=12, k2=4)[: len(query), len(query) :]
    np.testing.assert_allclose(jaccard, expected, atol=1e-12)


def test_the_same_bits(monkeypatch):
    finding = retrieval.check_same_bits("cpu", queries=60, dimension=16)
    assert finding.status == OK
    score = retrieval.score_saved_features

    def other(saved, *, rerank, device):
        scores = score(saved, rerank=rerank)
        if device != "cpu" and rerank:
            scores["mAP"] = np.nextafter(scores["mAP"], 100)
        return scores

    monkeypatch.setattr(retrieval, "score_saved_features", other)
    finding = retrieval.check_same_bits("meta", queries=60, dimension=16)
    assert finding.status == FAILED
    assert finding.found.endswith("plain and re-ranked: re-ranked mAP differ")


def test_faiss_search(monkeypatch):
    assert retrieval.check_faiss_search("cpu", images=300, dimension=8).status == OK
    assert retrieval.check_faiss_search("cuda").status == NOT_HERE  # it asks faiss, which sees no GPU here
    search = retrieval._search
    monkeypatch.setattr(
        retrieval, "_search", lambda points, device: search(points, "cpu") + (device != "cpu")
    )
    assert retrieval.check_faiss_search("meta", images=300, dimension=8).status == FAILED


def test_speed():
    finding = speed.check_speed("cpu", "float32", changes=MINIATURE, images=8, repeats=1)
    assert finding.found.startswith("a step of 8: ")
    assert finding.details["plain"]["step"] > 0
    assert finding.details["accelerated"]["peak_bytes"] == 0


@pytest.mark.parametrize(("step", "status"), [(1.0, OK), (2.1, OK), (3.0, FAILED)])
def test_what_is_slower_than_the_plain_form_fails(step, status):
    finding = speed.judge(Cost(2.0, 1.0, 0), Cost(step, 0.5, 3 * 2**30), 0.25, images=64)
    assert finding.status == status
    assert f"{2 / step:.2f} x plain" in finding.found
    assert "128 images/s (2.00 x), deployed 256 (4.00 x); a step takes 3.0 GiB" in finding.found


def test_a_batch_that_does_not_fit(monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 MiB. GPU 0 has ...")

    monkeypatch.setattr(speed, "make_network", full)
    finding = speed.check_speed("cpu", changes=MINIATURE, images=8)
    assert finding.status == FAILED
    assert finding.found == "a batch of 8 does not fit: CUDA out of memory"
