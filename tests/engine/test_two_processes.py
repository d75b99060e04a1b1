"""What the processes of a run agree on, with two of them."""

import os
import random
import signal
import time

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing
from fastreid.utils import comm
from mdpr.data.randomness import Purpose, seed_global_generators
from mdpr.engine.data_parallel import broadcast_buffers
from mdpr.engine.resume.random_state import random_state, restore_random_state
from mdpr.engine.resume.signals import SignalWatch
from mdpr.engine.steps.attempt import Attempt
from mdpr.engine.steps.verdict import Verdict
from torch import nn


def draw():
    return random.random(), random.gauss(0, 1), np.random.normal(), torch.rand(()).item()


def verdict(watch):
    attempt = Attempt(0, names=("loss",), losses=[torch.ones(1)], gradient_norm=torch.ones(()))
    return Verdict(attempt, watch.received).read()


def work(rank, file):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=2)
    with SignalWatch() as watch:
        assert verdict(watch).signal == 0
        if rank == 1:
            os.kill(os.getpid(), signal.SIGTERM)
            while not watch.received:
                time.sleep(0.01)
        assert verdict(watch).signal == signal.SIGTERM  # of the other process, in the first

    seed_global_generators(0, Purpose.STEPS, rank)
    draw()
    states = comm.gather(random_state())
    expected = draw()
    shared = comm.all_gather(states)[0]  # as a checkpoint that both read
    restore_random_state(shared, seed=0, steps=5)
    assert draw() == expected
    # Of another number of processes: not that state, but a fixed one, and each its own.
    restore_random_state(shared[:1], seed=0, steps=5)
    first = draw()
    restore_random_state(shared[:1], seed=0, steps=5)
    assert draw() == first
    one, other = comm.all_gather(first)
    assert not set(one) & set(other)

    norm = nn.BatchNorm1d(3)
    norm.running_mean += rank + 1
    norm.num_batches_tracked += rank
    broadcast_buffers(norm)
    assert norm.running_mean.tolist() == [1, 1, 1]
    assert norm.num_batches_tracked == 0
    dist.destroy_process_group()


def test_two_processes(tmp_path):
    torch.multiprocessing.start_processes(
        work, args=(tmp_path / "rendezvous",), nprocs=2, start_method="fork"
    )
