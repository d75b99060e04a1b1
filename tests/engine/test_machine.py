"""MODEL.DEVICE: what was asked for is kept to, or is an error."""

import pytest
import torch
from mdpr.engine.reporting.memory import memory_now, memory_peak
from mdpr.engine.resume.random_state import random_state, restore_random_state
from mdpr.engine.setup import make_config
from mdpr.errors import ConfigError
from mdpr.evaluation import ReidEvaluator
from mdpr.host import has_gpu, why_no_gpu


@pytest.fixture
def machine(monkeypatch):
    """A machine with so many GPUs, which PyTorch can use or not."""

    def pretend(gpus, usable):
        monkeypatch.setattr("mdpr.engine.machine.has_gpu", lambda: gpus > 0)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: usable)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus if usable else 0)

    return pretend


def test_without_any_gpu_the_default_is_the_cpu_and_says_so(machine):
    machine(gpus=0, usable=False)
    cfg, notes = make_config("", [])
    assert cfg.MODEL.DEVICE == "cpu"
    assert [note for note in notes if "running on the CPU" in note] == [
        "MODEL.DEVICE is 'cuda', and no GPU was found: running on the CPU"
    ]


@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_a_gpu_that_was_asked_for_is_not_replaced(machine, device, tmp_path):
    machine(gpus=0, usable=False)
    with pytest.raises(ConfigError, match=rf"MODEL\.DEVICE is '{device}': expected cpu, as this"):
        make_config("", ["MODEL.DEVICE", device])
    file = tmp_path / "own.yml"
    file.write_text(f"MODEL: {{DEVICE: '{device}'}}")
    with pytest.raises(ConfigError, match="as this machine has no GPU"):
        make_config(str(file), [])


def test_a_gpu_that_cannot_be_used_is_an_error(machine):
    machine(gpus=1, usable=False)
    with pytest.raises(
        ConfigError, match=r"expected cpu, as PyTorch cannot use the GPU of this machine \(.+\)"
    ):
        make_config("", [])
    assert make_config("", ["MODEL.DEVICE", "cpu"])[0].MODEL.DEVICE == "cpu"


def test_gpus_are_counted(machine):
    machine(gpus=2, usable=True)
    assert make_config("", [])[0].MODEL.DEVICE == "cuda"
    assert make_config("", ["MODEL.DEVICE", "cuda:1"])[0].MODEL.DEVICE == "cuda:1"
    with pytest.raises(ConfigError, match=r"MODEL\.DEVICE is 'cuda:2': expected .* cuda:1"):
        make_config("", ["MODEL.DEVICE", "cuda:2"])


def test_features_in_half_precision_are_for_gpus(machine):
    machine(gpus=1, usable=True)
    half = ["TEST.MDPR.PRECISION", "fp16"]
    assert make_config("", half)[0].TEST.MDPR.PRECISION == "fp16"
    with pytest.raises(ConfigError, match=r"TEST\.MDPR\.PRECISION is 'fp16': expected fp32 or bf16"):
        make_config("", [*half, "MODEL.DEVICE", "cpu"])


def test_hidden_gpus_are_none(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert has_gpu()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert not has_gpu()


def test_number_of_gpus_asks_for_them(machine):
    machine(gpus=0, usable=False)
    with pytest.raises(
        ConfigError, match=r"--num-gpus is 8: this machine has no GPU; MODEL\.DEVICE cpu takes 8"
    ):
        make_config("", [], gpus=8)
    assert make_config("", ["MODEL.DEVICE", "cpu"], gpus=8)[0].MODEL.DEVICE == "cpu"


@pytest.mark.parametrize(
    ("cuda", "error", "reason"),
    [
        (None, None, "was built without CUDA"),
        (
            "13.0",
            RuntimeError("The NVIDIA driver on your system is too old (found 11040).\nMore"),
            "is too old",
        ),
        ("13.0", None, "does not see it"),
    ],
)
def test_why_a_gpu_cannot_be_used(cuda, error, reason, monkeypatch):
    def init():
        if error:
            raise error

    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch.cuda, "init", init)
    assert reason in why_no_gpu()
    assert "\n" not in why_no_gpu()


def test_a_run_on_the_cpu_takes_nothing_of_a_gpu(monkeypatch):
    """Whatever would initialise CUDA fails here."""

    def initialise(*_):
        raise AssertionError("CUDA was initialised")

    monkeypatch.setattr(torch.cuda, "_lazy_init", initialise)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    state = random_state()
    assert "cuda" not in state
    restore_random_state([state], 0, 0)
    assert memory_now().gpu is memory_peak().gpu is None
    cfg, _ = make_config("", ["MODEL.DEVICE", "cpu"])
    assert ReidEvaluator(cfg, 1)._device == "cpu"
