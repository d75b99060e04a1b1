"""Which processes a command line, or torchrun's environment, asks for."""

import re

import pytest
import torch
from fastreid.engine import default_argument_parser
from mdpr.errors import ConfigError
from mdpr.launch import argument_parser
from mdpr.launch.world import ParentWorld, RankWorld, world_of

URL = "tcp://10.0.0.1:29500"
TORCHRUN = {
    "RANK": "3",
    "WORLD_SIZE": "4",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "2",
    "MASTER_ADDR": "10.0.0.1",
    "MASTER_PORT": "29500",
}


def world(*flags, device="cpu", environment=None):
    return world_of(argument_parser().parse_args(flags), device, environment or {})


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


class TestCommandLine:
    def test_one_process_by_default(self):
        assert world() == ParentWorld("cpu", 1, 1, 0, None)
        assert world().size == 1

    def test_ranks_count_on_from_machine_to_machine(self):
        found = world(
            *("--num-gpus", "4", "--num-machines", "3", "--machine-rank", "2"),
            *("--dist-url", URL),
        )
        assert found == ParentWorld("cpu", 4, 3, 2, URL)
        assert found.size == 12

    @pytest.mark.parametrize("url", ["auto", "file:///x", default_argument_parser().get_default("dist_url")])
    def test_on_one_machine_the_port_is_ours_to_choose(self, url):
        assert world("--num-gpus", "2", "--dist-url", url).url is None

    def test_machines_without_a_url_meet_where_fastreids_do(self):
        url = default_argument_parser().get_default("dist_url")
        assert world("--num-machines", "2").url == url

    @pytest.mark.parametrize(
        ("flags", "message"),
        [
            (("--num-gpus", "-1"), "--num-gpus is -1: expected 1 or more"),
            (("--num-machines", "0"), "--num-machines is 0: expected 1 or more"),
            (("--num-machines", "2", "--machine-rank", "2"), "is 2: expected 0 to 1"),
            (("--max-restarts", "-1"), "--max-restarts is -1: expected 0 or more"),
            (("--machine-rank", "-1"), "--machine-rank is -1: expected 0 to 0"),
            (("--num-machines", "2", "--dist-url", "auto"), "the same on every machine"),
            (("--num-machines", "2", "--dist-url", "file:///x"), "expected tcp://ADDRESS:PORT"),
            (("--dist-url", "10.0.0.1:29500"), "expected tcp://ADDRESS:PORT"),
            (("--dist-url", "tcp://10.0.0.1"), "expected tcp://ADDRESS:PORT"),
            (("--dist-url", "tcp://10.0.0.1:99999"), "expected tcp://ADDRESS:PORT"),
        ],
    )
    def test_bad_option_is_named(self, flags, message):
        with pytest.raises(ConfigError, match=re.escape(message)):
            world(*flags)


class TestTorchrun:
    def test_its_environment_is_enough(self):
        assert world(environment=TORCHRUN) == RankWorld("cpu", 3, 1, 4)

    def test_options_may_say_the_same(self):
        flags = ("--num-gpus", "2", "--num-machines", "2", "--machine-rank", "1")
        found = world(*flags, "--dist-url", URL, environment=TORCHRUN)
        assert found == RankWorld("cpu", 3, 1, 4)

    @pytest.mark.parametrize(
        ("flags", "message"),
        [
            (("--num-gpus", "4"), "--num-gpus is 4, but torchrun started this run with 2"),
            (("--num-machines", "1"), "--num-machines is 1, but torchrun started this run with 2"),
            (("--machine-rank", "0"), "--machine-rank is 0, but torchrun started this run with 1"),
            (("--max-restarts", "1"), "--max-restarts is 1, but torchrun started this run with 0"),
            (("--dist-url", "tcp://a:1"), f"but torchrun started this run with {URL}"),
        ],
    )
    def test_contradiction_is_an_error(self, flags, message):
        with pytest.raises(ConfigError, match=re.escape(message)):
            world(*flags, environment=TORCHRUN)

    def test_half_an_environment_is_an_error(self):
        with pytest.raises(ConfigError, match="but not LOCAL_RANK, MASTER_ADDR, MASTER_PORT"):
            world(environment={"RANK": "0", "WORLD_SIZE": "2"})

    def test_a_world_size_alone_is_none_of_ours(self):
        assert world(environment={"WORLD_SIZE": "8"}) == ParentWorld("cpu")

    def test_more_processes_than_gpus(self, two_gpus):
        environment = TORCHRUN | {"LOCAL_RANK": "2", "LOCAL_WORLD_SIZE": "4"}
        with pytest.raises(ConfigError, match=r"3 processes on this machine .* has 2 GPUs"):
            world(device="cuda", environment=environment)


class TestGPUs:
    def test_one_each(self, two_gpus):
        assert world("--num-gpus", "2", device="cuda") == ParentWorld("cuda", 2)

    def test_more_processes_than_gpus(self, two_gpus):
        with pytest.raises(ConfigError, match=r"3 processes on this machine .* has 2 GPUs"):
            world("--num-gpus", "3", device="cuda")

    def test_each_process_may_be_shown_its_own_alone(self, monkeypatch):
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
        with pytest.raises(ConfigError, match=r"2 processes on this machine .* has 1 GPUs"):
            world(device="cuda", environment=TORCHRUN)
        environment = TORCHRUN | {"CUDA_VISIBLE_DEVICES": "5"}
        assert world(device="cuda", environment=environment) == RankWorld("cuda", 3, 1, 4)

    def test_all_on_one_gpu(self, two_gpus):
        with pytest.raises(ConfigError, match=r"MODEL.DEVICE is 'cuda:1': expected 'cuda'"):
            world("--num-gpus", "2", device="cuda:1")

    def test_a_single_process_may_choose_its_gpu(self):
        assert world(device="cuda:1") == ParentWorld("cuda", 1)
