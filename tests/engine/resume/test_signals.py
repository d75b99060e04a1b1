"""Signals: noted once, obeyed at once the second time, and forgotten afterwards."""

import os
import signal
import threading
import time

import pytest
from mdpr.data.train_loader import outlive_one_signal
from mdpr.engine.resume.signals import SignalWatch, StoppedBySignal


def wait_for(condition, seconds=10):
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    return condition()


def status_of(child):
    """Exit status of a forked process that runs ``child``."""
    pid = os.fork()
    if pid == 0:
        try:
            child()
        finally:
            os._exit(7)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_first_signal_is_noted_and_handlers_are_put_back(number):
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    threads = threading.active_count()
    with SignalWatch() as watch:
        assert watch.received == 0
        os.kill(os.getpid(), number)
        assert wait_for(lambda: watch.received)
        assert watch.received == number
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    assert threading.active_count() == threads


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_second_signal_ends_the_process_while_python_runs_no_handler(number):
    def child():
        with SignalWatch() as watch:
            # As in a long backward pass: the main thread is held, and Python's handlers wait for it.
            signal.pthread_sigmask(signal.SIG_SETMASK, set())
            lock = threading.Lock()
            lock.acquire()
            threading.Thread(target=send_two, args=(watch,), daemon=True).start()
            lock.acquire(timeout=20)

    def send_two(watch):
        for _ in range(2):
            os.kill(os.getpid(), number)
            wait_for(lambda: watch.received)

    started = time.monotonic()
    assert status_of(child) == 128 + number
    assert time.monotonic() - started < 10


def test_signal_where_nothing_would_be_lost_ends_the_process():
    def child():
        with SignalWatch() as watch, watch.exit_at_once():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(20)

    assert status_of(child) == 128 + signal.SIGTERM


def test_signal_from_before_counts_there_too():
    def child():
        with SignalWatch() as watch:
            os.kill(os.getpid(), signal.SIGINT)
            wait_for(lambda: watch.received)
            with watch.exit_at_once():
                os._exit(9)

    assert status_of(child) == 128 + signal.SIGINT


def test_forked_processes_do_not_speak_for_their_parent():
    with SignalWatch() as watch:
        for _ in range(2):
            status_of(lambda: os.kill(os.getpid(), signal.SIGINT))
        time.sleep(0.1)
        assert watch.received == 0


def test_another_thread_is_left_alone():
    entered = []

    def use():
        with SignalWatch() as watch:
            entered.append(watch.received)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert entered == [0]


class TestLoaderProcesses:
    @pytest.fixture
    def loader_process(self):
        """A process that ends with status 3 once it is told to."""
        reading, writing = os.pipe()
        ready, started = os.pipe()
        pid = os.fork()
        if pid == 0:
            outlive_one_signal(0)
            os.write(started, b"x")
            os.read(reading, 1)
            os._exit(3)
        os.read(ready, 1)
        yield pid, lambda: os.write(writing, b"x")
        for end in (reading, writing, ready, started):
            os.close(end)

    def signal_from_elsewhere(self, pid, number):
        assert status_of(lambda: (os.kill(pid, number), os._exit(0))) == 0

    def test_outlive_one_signal(self, loader_process):
        pid, finish = loader_process
        for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM):
            self.signal_from_elsewhere(pid, number)
        time.sleep(0.1)
        finish()
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3

    def test_end_with_the_second(self, loader_process):
        pid, _ = loader_process
        self.signal_from_elsewhere(pid, signal.SIGTERM)
        time.sleep(0.1)
        self.signal_from_elsewhere(pid, signal.SIGTERM)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 143

    def test_end_at_once_for_their_parent(self, loader_process):
        """Or the end of a run that terminates its loaders once would wait for ever."""
        pid, _ = loader_process
        os.kill(pid, signal.SIGTERM)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 143


def test_status_is_the_shells():
    assert StoppedBySignal(signal.SIGTERM).code == 143
    assert StoppedBySignal(signal.SIGINT).code == 130
