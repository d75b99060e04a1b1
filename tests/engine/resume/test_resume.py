"""A run that is interrupted and resumed ends where one that was left alone does, to the last bit."""

import logging
import os
import signal
import time

import pytest
import torch
from endurance.miniature_run import STEPS_PER_EPOCH, miniature_options
from endurance.run_comparison import compare_runs
from fastreid.engine import default_argument_parser
from mdpr.checkpoint.checkpointer import SafeCheckpointer
from mdpr.checkpoint.reading import read_checkpoint
from mdpr.engine import resume
from mdpr.engine.trainer import Trainer
from mdpr_doctor.miniature import draw_miniature
from support.configs import CONFIGS, ONE_BRANCH
from support.processes import start_train_net
from support.training import run_here

EPOCHS = 3


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def root(make_folder):
    folder = make_folder("resume")
    draw_miniature(folder)
    return folder


@pytest.fixture(autouse=True)
def datasets(root, monkeypatch):
    monkeypatch.setenv("FASTREID_DATASETS", str(root))


def arguments(output, *options, epochs=EPOCHS):
    fixed = ("SOLVER.CHECKPOINT_EVERY_ITERATIONS", "0", "DATALOADER.NUM_WORKERS", "0")
    config = str(CONFIGS / "Synthetic/mdpr_R18.yml")
    return [
        *("--config-file", config, "--resume", *miniature_options(epochs), *fixed, *ONE_BRANCH),
        *("OUTPUT_DIR", str(output), *map(str, options)),
    ]


def train(output, *options, epochs=EPOCHS):
    run_here(*arguments(output, *options, epochs=epochs))


@pytest.fixture(scope="module")
def reference(root):
    output = root / "left alone"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FASTREID_DATASETS", str(root))
        train(output)
    return output


def signal_at(step, monkeypatch):
    """Send SIGTERM in the midst of a step (from 0)."""
    run_step = Trainer.run_step

    def run(self):
        if self.iter == step:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.2)
        run_step(self)

    monkeypatch.setattr(Trainer, "run_step", run)


@pytest.mark.parametrize("damaged", [False, True])
def test_signal_in_a_step(reference, tmp_path, monkeypatch, caplog, damaged):
    output = tmp_path / "run"
    stop = STEPS_PER_EPOCH + 1
    with monkeypatch.context() as patch, pytest.raises(SystemExit) as stopped:
        signal_at(stop, patch)
        train(output)
    assert stopped.value.code == 128 + signal.SIGTERM
    last = output / (output / "last_checkpoint").read_text()
    assert last.name == f"model_iter_{stop + 1:08d}.pth"
    (output / ".model_0001.pth.abcdefgh.tmp").write_bytes(b"of a write that was killed")
    if damaged:
        content = bytearray(last.read_bytes())
        content[len(content) // 2] ^= 1
        last.write_bytes(content)
    with caplog.at_level(logging.INFO):
        train(output, "DATALOADER.NUM_WORKERS", 1)
    expected = "model_0000.pth" if damaged else last.name
    assert f"Resuming from {output / expected}" in caplog.text
    assert "not exactly" not in caplog.text
    assert not list(output.glob(".*"))
    assert compare_runs(reference, output) == []


def test_failure_in_an_evaluation(reference, tmp_path, monkeypatch):
    """The epoch is not lost, and the evaluation is done again."""
    output = tmp_path / "run"
    with monkeypatch.context() as patch, pytest.raises(MemoryError):
        patch.setattr(Trainer, "test", classmethod(lambda *args: exec("raise MemoryError")))
        train(output)
    last = output / (output / "last_checkpoint").read_text()
    content = read_checkpoint(last)
    assert (content["epoch"], content["iteration"]) == (0, 2 * STEPS_PER_EPOCH)
    steps = []
    monkeypatch.setattr(Trainer, "before_step", counting(Trainer.before_step, steps))
    train(output)
    assert len(steps) == STEPS_PER_EPOCH
    assert compare_runs(reference, output) == []


def test_killed_between_the_best_and_the_last_checkpoint(reference, tmp_path, monkeypatch):
    output = tmp_path / "run"
    save = SafeCheckpointer.save

    def fail_at_the_last(self, name, **content):
        if name == "model_final":
            raise KeyboardInterrupt
        save(self, name, **content)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(SafeCheckpointer, "save", fail_at_the_last)
        train(output)
    train(output)
    assert compare_runs(reference, output) == []
    best = [read_checkpoint(folder / "model_best.pth")["epoch"] for folder in (reference, output)]
    assert best[0] == best[1]
    # Where nothing else is left, what is done is not done again.
    for path in output.glob("model_[0-9fi]*.pth"):
        path.unlink()
    content = read_checkpoint(output / "model_best.pth")
    torch.save({**content, "epoch": EPOCHS - 1}, output / "model_best.pth")
    train(output)
    assert read_checkpoint(output / "model_final.pth")["epoch"] == EPOCHS - 1


def counting(method, calls):
    def count(self):
        calls.append(self.iter)
        method(self)

    return count


def test_what_the_finished_run_leaves(reference):
    content = read_checkpoint(reference / "model_final.pth")
    assert (content["epoch"], content["iteration"]) == (EPOCHS - 1, EPOCHS * STEPS_PER_EPOCH)
    assert {"optimizer", "lr_sched", "warmup_sched", "loader", "best", "random", "history"} <= set(content)
    table = next(part for part in resume.__doc__.split("\n\n") if part.startswith("==="))
    for key in content.keys() - {"metric"}:
        assert f"``{key}``" in table, f"{key} is not in the table of what holds which state"
    best = read_checkpoint(reference / "model_best.pth")
    assert best["metric"] == content["best"]["metric"]
    assert (reference / "last_checkpoint").read_text() == "model_final.pth"
    # Every evaluation was logged with the losses of its step.
    steps = [STEPS_PER_EPOCH * epoch - 1 for epoch in (1, 2, 3)]
    metrics = [eval(line) for line in (reference / "metrics.json").read_text().splitlines()]
    assert [line["iteration"] for line in metrics] == steps
    assert ["mAP" in line for line in metrics] == [False, True, True]


class TestOtherCheckpoints:
    """Resuming from what is not quite this run's."""

    @pytest.fixture
    def output(self, reference, tmp_path):
        content = read_checkpoint(reference / "model_final.pth")
        folder = tmp_path / "run"
        folder.mkdir()
        content |= {"epoch": 0, "iteration": STEPS_PER_EPOCH + 2}
        content["loader"]["images"] = content["iteration"] * 12
        torch.save(content, folder / "model_iter_00000006.pth")
        return folder

    def trainer(self, output, *options):
        args = default_argument_parser().parse_args(arguments(output, *options))
        from mdpr.engine.setup import make_config  # noqa: PLC0415

        cfg, _ = make_config(args.config_file, args.opts)
        trainer = Trainer(cfg)
        trainer.resume_or_load(resume=True)
        return trainer

    def test_other_sizes_are_said(self, output, caplog):
        with caplog.at_level(logging.WARNING):
            trainer = self.trainer(output, "SOLVER.IMS_PER_BATCH", 24, "SEED", 5)
        assert (trainer.start_epoch, trainer.start_iter) == (1, 3)  # of 2 steps an epoch
        assert trainer.data_loader.state_dict()["images"] == 72
        for part in ("not exactly", "IMS_PER_BATCH 12 -> 24", "SEED 0 -> 5"):
            assert part in caplog.text

    def test_checkpoint_of_fastreid(self, output, caplog):
        path = output / "model_iter_00000006.pth"
        content = read_checkpoint(path)
        kept = ("model", "optimizer", "lr_sched", "warmup_sched")
        torch.save({**{key: content[key] for key in kept}, "epoch": 0}, path)
        with caplog.at_level(logging.WARNING):
            trainer = self.trainer(output)
        assert (trainer.start_epoch, trainer.start_iter) == (1, STEPS_PER_EPOCH)
        assert "has no random state" in caplog.text


def test_signal_to_all_processes_of_a_run(root, tmp_path):
    """As Ctrl-C and schedulers send it: loader processes get it too."""
    output = tmp_path / "run"
    more = ("DATALOADER.NUM_WORKERS", 1, "SOLVER.CHECKPOINT_EVERY_ITERATIONS", 1)
    process = start_train_net(*arguments(output, *more, epochs=50))
    try:
        until = time.monotonic() + 120
        while not (output / "last_checkpoint").exists() and time.monotonic() < until:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGTERM)
        printed, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 128 + signal.SIGTERM, printed
    assert "Traceback" not in printed
    assert printed.count("saved: go on with --resume") == 1
    last = read_checkpoint(output / (output / "last_checkpoint").read_text())
    assert f"after step {last['iteration']} of {50 * STEPS_PER_EPOCH}" in printed
