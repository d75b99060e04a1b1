"""Random numbers as a function of a key, for code that draws from the global generators.

fast-reid's and torchvision's transforms draw from ``random``, ``numpy.random`` and PyTorch's default
generator. Seeding all three by a key makes what they draw independent of the process they run in and
of what that process did before.
"""

import hashlib
import random
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import numpy as np
import torch


class Purpose(IntEnum):
    """What random numbers decide; part of their key, so that no two decisions share numbers."""

    SAMPLING = 1
    AUGMENTATION = 2
    LOADER = 3
    STEPS = 4


def derived_seed(seed: int, purpose: Purpose, *key: int) -> int:
    """A seed for one purpose.

    Args:
        seed: seed of the run, any 64-bit integer.
        purpose: what is decided.
        key: further integers that name the case.

    Returns:
        An integer in 0..2^32-1, as ``numpy.random.RandomState`` takes it.
    """
    return int.from_bytes(_digest(seed, purpose, key)[:4], "little")


def seed_global_generators(seed: int, purpose: Purpose, *key: int) -> None:
    """Seed Python's, NumPy's and PyTorch's (CPU) generators by the key of `derived_seed`."""
    digest = _digest(seed, purpose, key)
    random.seed(digest[:8])
    np.random.seed(int.from_bytes(digest[8:12], "little"))
    # Not torch.manual_seed: it also queues seeds for GPUs, once an image.
    torch.default_generator.manual_seed(int.from_bytes(digest[16:24], "little") >> 1)


@contextmanager
def global_generators_seeded(seed: int, purpose: Purpose, *key: int) -> Iterator[None]:
    """Seed the generators for one block, and afterwards put them back where they were."""
    before = random.getstate(), np.random.get_state(), torch.default_generator.get_state()
    seed_global_generators(seed, purpose, *key)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        torch.default_generator.set_state(before[2])


def _digest(seed: int, purpose: Purpose, key: tuple[int, ...]) -> bytes:
    packed = struct.pack(f"<{2 + len(key)}q", seed, purpose, *key)
    return hashlib.blake2b(packed, digest_size=24).digest()
