"""Memory stays or goes back to the system, in a process whose heap nothing else uses."""

import platform

import pytest
from support.processes import python

HOLES = """
from mdpr.engine.reporting.memory import memory_now
from mdpr.host import return_free_memory

pieces = [bytearray(b"x" * 60_000) for _ in range(4000)]  # below what malloc maps on its own
full = memory_now().resident
kept = pieces[-1]  # the heap cannot shrink from its end
del pieces
return_free_memory()
print(full - memory_now().resident)
"""

LARGE = """
import torch
from mdpr.engine.reporting.memory import memory_now
from mdpr.host import keep_freed_memory, return_free_memory

def megabytes_kept():
    before = memory_now().resident
    large = [torch.ones(50 * 2**18), torch.ones(50 * 2**18)]  # 50 MiB each
    del large
    return (memory_now().resident - before) / 2**20

at_first = megabytes_kept()
keep_freed_memory()
kept = megabytes_kept()
before = memory_now().resident
return_free_memory()
print(at_first, kept, (before - memory_now().resident) / 2**20)
"""

pytestmark = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="other C libraries have no such calls"
)


def test_free_memory_goes_back():
    result = python("-c", HOLES)
    assert int(result.stdout) > 200e6, result.stdout + result.stderr


def test_freed_memory_is_kept_until_it_is_asked_back():
    result = python("-c", LARGE)
    at_first, kept, returned = map(float, result.stdout.split())
    assert at_first < 10
    assert kept > 90
    assert returned > 90


def test_the_environment_decides():
    result = python("-c", LARGE, MALLOC_ARENA_MAX="8")
    at_first, kept, _ = map(float, result.stdout.split())
    assert max(at_first, kept) < 10
