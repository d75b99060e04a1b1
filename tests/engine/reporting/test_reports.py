"""What is told of a run, each part on numbers made by hand."""

import logging
import mmap
import os
import time
from types import SimpleNamespace

import pytest
import torch
from fastreid.modeling.meta_arch import build_model
from fastreid.utils.events import EventStorage
from mdpr.engine.evaluations import Evaluations
from mdpr.engine.reporting import loader_watch
from mdpr.engine.reporting.clock import RunClock, StepTime
from mdpr.engine.reporting.loader_watch import LoaderWatch, workers_to_try
from mdpr.engine.reporting.loss_groups import loss_groups
from mdpr.engine.reporting.memory import Memory, memory_now, memory_peak
from mdpr.engine.reporting.scalar_reader import ScalarReader
from mdpr.engine.reporting.summary import run_summary
from mdpr.engine.steps.scalars import ScalarMeans
from support.configs import tiny_config


class TestLossGroups:
    def test_every_term_of_the_method_is_in_one_of_the_five(self):
        data = {
            "images": torch.rand(4, 3, 64, 32) * 255,
            "targets": torch.tensor([0, 0, 1, 1]),
        }
        with EventStorage():
            losses = build_model(tiny_config()).train()(data)
        scalars = {name: loss.item() for name, loss in losses.items()} | {"lr": 7.0}
        groups = loss_groups(scalars)
        assert list(groups) == ["hard", "soft", "fusion", "distillation", "diversity"]
        assert sum(groups.values()) == pytest.approx(sum(scalars.values()) - 7)
        assert groups["fusion"] == pytest.approx(scalars["loss_fusion_cls"] + scalars["loss_fusion_triplet"])

    def test_terms_of_an_extension_are_told_apart(self):
        assert loss_groups({"loss_hard_global_cls": 1.0, "loss_mine": 2.0}) == {
            "hard": 1.0,
            "other": 2.0,
        }

    def test_another_architecture_has_no_groups(self):
        assert loss_groups({"loss_cls": 1.0, "loss_triplet": 2.0, "total_loss": 3.0}) == {}


class TestClock:
    def test_shares_and_means(self):
        clock = RunClock()
        clock.add(4.0, 1.0)
        clock.add(2.0, 2.0)
        assert clock.recent == StepTime(3.0, 1.5)
        assert clock.recent.waiting_share == 0.5
        assert clock.take_mark() == (StepTime(6.0, 3.0), 2)
        assert clock.take_mark() == (StepTime(0, 0), 0)
        for _ in range(60):
            clock.add(1.0, 0.0)
        assert clock.recent == StepTime(1.0, 0.0)  # the slow start is forgotten

    def test_parts_add_up(self):
        clock = RunClock()
        clock.before_train()
        clock.trainer = SimpleNamespace(step=SimpleNamespace(data_seconds=0.004))
        clock.before_step()
        time.sleep(0.02)
        clock.after_step()
        with clock.evaluating():
            time.sleep(0.01)
        split = clock.split()
        assert split["waiting for data"] == 0.004
        assert split["computing"] >= 0.016
        assert split["evaluation"] >= 0.01
        assert sum(split.values()) == pytest.approx(2 * split["total"])


class TestLoaderWatch:
    @pytest.mark.parametrize(
        ("workers", "total", "waiting", "cores", "advice"),
        [
            (1, 3.0, 2.0, 8, 3),  # a batch in 3 s, computed in 1 s
            (2, 3.0, 2.0, 8, 6),
            (4, 3.0, 2.0, 8, 8),  # 12, but there are 8 cores
            (0, 3.0, 2.0, 8, 2),  # loaded in 2 s between computing
            (0, 3.0, 0.5, 8, 1),
            (2, 1.0, 1.0, 4, 4),
        ],
    )
    def test_workers(self, workers, total, waiting, cores, advice):
        assert workers_to_try(workers, StepTime(total, waiting), cores) == advice

    def watch(self, caplog, monkeypatch, steps, waiting, workers=1):
        clock, watch = RunClock(), LoaderWatch()
        watch.trainer = SimpleNamespace(clock=clock, data_loader=SimpleNamespace(num_workers=workers))
        monkeypatch.setattr(loader_watch, "usable_cores", lambda: 8)
        with caplog.at_level(logging.WARNING, "mdpr"):
            for _ in range(steps):
                clock.add(1.0, waiting)
                watch.after_step()
        return [record.getMessage() for record in caplog.records]

    def test_one_warning_with_a_number_to_try(self, caplog, monkeypatch):
        (message,) = self.watch(caplog, monkeypatch, 200, 0.6)
        assert "60 % was waiting for images" in message
        assert "NUM_WORKERS 3 (now 1; 8 CPU cores per process)" in message

    def test_where_all_cores_load_already(self, caplog, monkeypatch):
        (message,) = self.watch(caplog, monkeypatch, 100, 0.6, workers=8)
        assert "All 8 CPU cores of this process load already" in message

    @pytest.mark.parametrize(("steps", "waiting"), [(60, 0.9), (200, 0.1)])
    def test_silence_while_starting_and_where_loading_keeps_up(self, caplog, monkeypatch, steps, waiting):
        assert self.watch(caplog, monkeypatch, steps, waiting) == []


def test_memory_is_that_of_this_process():
    size = 2**28
    before = memory_now()
    # Asked of the system itself: a tensor may lie in memory that earlier tests gave back to
    # the allocator but that still counts as the process's.
    with mmap.mmap(-1, size) as block:
        for _ in range(2**8):
            block.write(b"x" * 2**20)
        grown = memory_now().resident - before.resident
    assert size // 2 < grown < 2 * size
    assert memory_peak().resident >= size
    assert str(Memory(3 * 2**30, 2**29)) == "3.0 GB + 0.5 GB GPU"


def test_reader_puts_means_groups_and_speed_into_the_curves():
    clock, means = RunClock(), ScalarMeans()
    step = SimpleNamespace(scalars=means, device=torch.device("cpu"), settle=lambda: None)
    reader = ScalarReader()
    names = ["total_loss", "loss_hard_global_cls", "loss_hard_part_0_cls", "loss_fusion_cls"]
    with EventStorage() as storage:
        cfg = tiny_config("SOLVER.LOG_PERIOD", 2)
        reader.trainer = SimpleNamespace(
            **{"step": step, "storage": storage, "iter": 0, "clock": clock, "cfg": cfg},
            **{"images_per_step": 8, "iters_per_epoch": 4, "max_iter": 12},
        )
        for reader.trainer.iter in range(3):
            storage.iter = reader.trainer.iter
            clock.add(0.5, 0.1)
            means.add(names, torch.tensor([6.0, 1.0, 2.0, 3.0]) + reader.trainer.iter)
            reader.after_step()
        latest = {name: value for name, (value, _) in storage.latest().items()}
        assert {iteration for _, iteration in storage.latest().values()} == {1}
        assert reader.shown()["total_loss"] == 8.0  # of the step that is not in the curves yet
        reader.after_epoch()
        reader.after_epoch()
        assert storage.latest()["total_loss"] == (8.0, 2)
        assert len(storage.history("total_loss").values()) == 2
    assert latest["total_loss"] == 6.5
    assert latest["loss_group/hard"] == 4.0
    assert latest["loss_group/fusion"] == 3.5
    assert latest["data_time"] == pytest.approx(0.1)
    assert latest["epoch"] == 0.5
    assert latest["eta_seconds"] == pytest.approx(5)  # ten steps are to come
    assert latest["data_wait_share"] == pytest.approx(0.2)
    assert latest["images_per_second"] == pytest.approx(16)
    assert latest["memory/resident_gb"] > 0


def test_table_at_the_end(tmp_path):
    evaluations = Evaluations()
    evaluations.add(1, {"mAP": 70.0, "Rank-1": 90.0})
    evaluations.add(2, {"mAP": 60.0, "Rank-1": 91.0})
    clock = RunClock()
    clock.add(1.0, 0.25)
    (tmp_path / "model_best.pth").write_text("")
    trainer = SimpleNamespace(
        cfg=tiny_config("OUTPUT_DIR", str(tmp_path)),
        clock=clock,
        evaluations=evaluations,
        epoch=1,
        max_epoch=5,
        images_per_step=32,
        step=SimpleNamespace(guard=SimpleNamespace(skipped=3), averaged=object()),
    )
    table = run_summary(trainer)
    for part in (
        "2 of 5",
        "mAP 70.00 %, Rank-1 90.00 % (epoch 1)",
        "mAP 60.00 %, Rank-1 91.00 % (epoch 2)",
        "32.0 images/s in 1 steps",
        "3 (not finite)",
        "averaged weights",
        os.fspath(tmp_path / "model_best.pth"),
    ):
        assert part in table
    assert "model_final.pth" not in table
