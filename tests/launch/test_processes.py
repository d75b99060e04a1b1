"""Starting processes, and ending them: a run leaves none behind, however it ends."""

import gc
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest
import torch
from fastreid.config import get_cfg
from mdpr.engine.setup import make_config
from mdpr.errors import ConfigError, MDPRError, ProcessFailedError
from mdpr.launch import argument_parser, command, launch, rank_process
from mdpr.launch.command import run_world
from mdpr.launch.meeting import meet
from mdpr.launch.world import ParentWorld
from support import ranks
from support.configs import CONFIGS, ROOT
from support.processes import PACKAGE, free_url

# Runs themselves spawn their processes; here they are forked, since that takes no time.
pytestmark = pytest.mark.skipif(
    sys.version_info >= (3, 13),
    reason="Python 3.13 crashes now and then where a process is forked beside threads",
)

PAIR = ParentWorld("cpu", 2)
SLEEPING_RUN = """
import sys
from pathlib import Path
from support import ranks
from mdpr.launch import rank_process
from mdpr.launch.command import run_world
from mdpr.launch.world import ParentWorld

rank_process.join = ranks.join_when_all_are_there
run_world(ParentWorld("cpu", 2), ranks.sleep_with_loader, (Path(sys.argv[1]),), start_method="fork")
"""


@pytest.fixture(autouse=True)
def _forked_together(monkeypatch):
    monkeypatch.setattr(rank_process, "join", ranks.join_when_all_are_there)
    # A process that is forked beside threads crashes now and then where it collects what these have left.
    gc.disable()
    yield
    gc.enable()


def run(function, *args, world=PAIR):
    """Processes that compute nothing are forked, which takes no time."""
    started = time.monotonic()
    try:
        run_world(world, function, args, start_method="fork")
    finally:
        # "Within seconds": far below any time-out of a collective operation.
        assert time.monotonic() - started < 30


def is_running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


class TestFailure:
    def test_an_exception_ends_all_and_is_told_once(self):
        with pytest.raises(ProcessFailedError) as error:
            run(ranks.fail, 1, 0.3)
        message = str(error.value)
        assert message.startswith("rank 1 (process ")
        assert message.count("Traceback") == 1
        assert message.count("ValueError: the error of rank 1") == 1
        assert "in fail" in message

    def test_the_first_of_many_is_told(self):
        with pytest.raises(ProcessFailedError, match="the error of rank 0"):
            run(ranks.fail, 0, 0.0, world=ParentWorld("cpu", 4))

    def test_what_the_user_can_mend_is_one_line(self):
        with pytest.raises(MDPRError, match=r"^no such thing$"):
            run(raise_user_error)

    @pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGUSR1])
    def test_a_killed_process_ends_all(self, signum):
        with pytest.raises(ProcessFailedError, match=rf"rank 1 .* was ended by {signum.name}"):
            run(ranks.die, 1, signum)

    def test_exit_code(self):
        with pytest.raises(ProcessFailedError, match=r"rank 0 .* ended with exit code 7"):
            run(ranks.say_exit, 0, 7)


def raise_user_error():
    raise ConfigError("no such thing")


class TestRestart:
    """``--max-restarts``; a whole run restarted: tests/engine/resume/test_resume_two_processes.py."""

    THREE = ParentWorld("cpu", 2, max_restarts=3)

    def starts(self, folder):
        return sorted(int(file.name.rpartition("_")[2]) for file in folder.iterdir())

    def test_goes_on_once_nothing_fails(self, tmp_path):
        run(ranks.count_starts, tmp_path, ranks.fail_until, 2, world=self.THREE)
        assert self.starts(tmp_path) == [0, 0, 1, 1, 2, 2]

    def test_fails_when_the_last_one_fails(self, tmp_path):
        with pytest.raises(ProcessFailedError, match="failed at start 3"):
            run(ranks.count_starts, tmp_path, ranks.fail_until, 9, world=self.THREE)
        assert self.starts(tmp_path) == [0, 0, 1, 1, 2, 2, 3, 3]

    def test_no_restart_mends_what_the_user_can(self, tmp_path):
        with pytest.raises(MDPRError, match=r"^no such thing$"):
            run(ranks.count_starts, tmp_path, raise_user_error, world=self.THREE)
        assert self.starts(tmp_path) == [0, 0]

    def test_nor_after_a_signal(self, tmp_path):
        with pytest.raises(SystemExit) as ended:
            run(ranks.count_starts, tmp_path, ranks.signal_parent, 15, world=self.THREE)
        assert ended.value.code == 143
        assert self.starts(tmp_path) == [0, 0]

    @pytest.mark.parametrize("restarts", [0, 1])
    def test_a_restarted_run_resumes(self, restarts, tmp_path, monkeypatch):
        monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", str(restarts))
        monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(tmp_path / "attempt_1/0/error.json"))
        arguments = argument_parser().parse_args(["--eval-only"])
        reached = []
        launch(lambda *given: reached.extend(given), arguments, get_cfg(), [])
        assert reached[0].resume == bool(restarts)
        assert reached[2] == ["Restart 1 of the processes: one was ended from outside"] * restarts


@pytest.fixture
def interruptible():
    """Ctrl-C as in a terminal: a shell's background job, which this may be, ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
class TestSignals:
    @pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
    def test_first_signal_reaches_all(self, signum):
        with pytest.raises(SystemExit) as ended:
            run(ranks.signal_parent, signum)
        assert ended.value.code == 128 + signum

    def test_processes_may_finish_what_they_are_at(self, tmp_path):
        with pytest.raises(SystemExit) as ended:
            run(ranks.finish_when_asked, tmp_path, 143)
        assert ended.value.code == 143
        # Both were asked once, and the slower one was waited for.
        saved = [(tmp_path / f"saved_by_{rank}").read_text() for rank in (0, 1)]
        assert saved == ["[15]", "[15]"]

    def test_processes_may_call_it_a_success(self, tmp_path):
        run(ranks.finish_when_asked, tmp_path, 0)
        assert sorted(file.name for file in tmp_path.glob("saved_by_*")) == ["saved_by_0", "saved_by_1"]

    def test_second_signal_ends_all(self):
        with pytest.raises(SystemExit) as ended:
            run(ranks.ignore_everything, (signal.SIGTERM, signal.SIGTERM))
        assert ended.value.code == 143

    def test_handlers_are_given_back(self):
        before = [signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)]
        with pytest.raises(ProcessFailedError):
            run(ranks.fail, 0, 0.0)
        assert before == [signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)]


def test_processes_pause_and_die_with_their_parent(tmp_path):
    # Stands for train_net.py, killed below. A fresh process: it forks, and this one may have threads.
    process = subprocess.Popen(
        [sys.executable, "-c", SLEEPING_RUN, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(PACKAGE), str(ROOT / "tests")])},
    )
    parent = process.pid
    files = [tmp_path / f"pids_{rank}" for rank in (0, 1)]
    wait_until(lambda: all(file.exists() for file in files))
    pids = [int(pid) for file in files for pid in file.read_text().split()]

    def states():
        return {Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] for pid in pids}

    os.kill(parent, signal.SIGTSTP)
    wait_until(lambda: states() == {"T"})
    os.kill(parent, signal.SIGCONT)
    wait_until(lambda: "T" not in states())

    process.kill()
    process.wait()
    wait_until(lambda: not any(is_running(pid) for pid in pids))


class TestMeeting:
    def test_port_in_use_is_named(self):
        with closing(socket.socket()) as other:
            other.bind(("", 0))
            other.listen()
            url = f"tcp://127.0.0.1:{other.getsockname()[1]}"
            with pytest.raises(ConfigError, match=rf"--dist-url is {url}: port \d+ is in use"):
                run(ranks.speak, Path(), world=ParentWorld("cpu", 2, url=url))

    def test_runs_side_by_side_take_ports_of_their_own(self):
        first, second = meet(PAIR), meet(PAIR)
        assert first.port != second.port

    def test_two_machines(self, tmp_path):
        """Two processes on each of two "machines": this process is one, a fork of it the other."""
        url = free_url()
        worlds = [ParentWorld("cpu", 2, 2, machine, url) for machine in (0, 1)]
        other = os.fork()
        if other == 0:
            code = 1
            try:
                run(ranks.speak, tmp_path, world=worlds[1])
                code = 0
            finally:
                os._exit(code)
        run(ranks.speak, tmp_path, world=worlds[0])
        assert os.waitstatus_to_exitcode(os.waitpid(other, 0)[1]) == 0
        places = [torch.load(tmp_path / f"heard_by_{rank}.pt")["place"] for rank in range(4)]
        assert places == [(0, 4, 0, 2), (1, 4, 1, 2), (2, 4, 0, 2), (3, 4, 1, 2)]

    def test_a_machine_that_goes_away_ends_the_other(self):
        url = free_url()
        worlds = [ParentWorld("cpu", 1, 2, machine, url) for machine in (0, 1)]
        other = os.fork()
        if other == 0:
            with suppress(ProcessFailedError):
                run(ranks.die, 1, signal.SIGKILL, world=worlds[1])
            os._exit(0)
        with pytest.raises(ProcessFailedError, match=r"rank 0 .* lost its connection"):
            run(ranks.die, 1, signal.SIGKILL, world=worlds[0])
        os.waitpid(other, 0)

    def test_machines_that_disagree(self, tmp_path):
        store = meet(PAIR)
        url = f"tcp://{store.host}:{store.port}"
        store.set("processes", "6")
        with pytest.raises(MDPRError, match=r"a run of 4 processes, another one for 6"):
            run(ranks.speak, tmp_path, world=ParentWorld("cpu", 2, 2, 1, url))

    def test_two_machines_of_one_rank(self, tmp_path):
        store = meet(PAIR)
        url = f"tcp://{store.host}:{store.port}"
        store.set("processes", "4")
        store.add("machine 1", 1)
        with pytest.raises(MDPRError, match=r"two machines have rank 1: .*--machine-rank"):
            run(ranks.speak, tmp_path, world=ParentWorld("cpu", 2, 2, 1, url))


class TestBeforeAnythingStarts:
    ARGUMENTS = ("--config-file", str(CONFIGS / "Synthetic/mdpr_R18.yml"))

    @pytest.mark.parametrize(
        ("flags", "options", "message"),
        [
            (("--num-gpus", "3"), (), "IMS_PER_BATCH is 32: expected a multiple of the 3"),
            (
                ("--num-gpus", "2", "--num-machines", "2"),
                ("DATALOADER.NUM_INSTANCE", "16"),
                "NUM_INSTANCE is 16: expected a divisor of the 8 images per process",
            ),
            (("--num-gpus", "0"), (), "--num-gpus is 0: expected 1 or more"),
            (("--num-gpus", "2"), ("MODEL.MDPR.NUM_PARTS", "0"), "NUM_PARTS is 0"),
        ],
    )
    def test_bad_settings_are_named(self, flags, options, message, monkeypatch):
        monkeypatch.setattr(command, "run_world", lambda *_: pytest.fail("the run was started"))
        arguments = argument_parser().parse_args([*self.ARGUMENTS, *flags, *options])
        with pytest.raises(ConfigError, match=re.escape(message)):
            launch(print, arguments, *make_config(arguments.config_file, arguments.opts))

    def test_evaluation_takes_any_batch(self):
        flags = ("--eval-only", "SOLVER.IMS_PER_BATCH", "31")
        arguments = argument_parser().parse_args([*self.ARGUMENTS, *flags])
        cfg, notes = make_config(arguments.config_file, arguments.opts)
        reached = []
        launch(lambda *given: reached.append(given), arguments, cfg, notes)
        assert reached == [(arguments, cfg, notes)]
        assert not arguments.resume
