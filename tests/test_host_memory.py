"""Memory goes back to the system, in a process whose heap nothing else uses."""

import platform

import pytest
from support.processes import python

HOLES = """
from mdpr.engine.reporting.memory import memory_now
from mdpr.host_memory import return_free_memory

pieces = [bytearray(b"x" * 60_000) for _ in range(4000)]  # below what malloc maps on its own
full = memory_now().resident
kept = pieces[-1]  # the heap cannot shrink from its end
del pieces
return_free_memory()
print(full - memory_now().resident)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no such call")
def test_free_memory_goes_back():
    result = python("-c", HOLES)
    assert int(result.stdout) > 200e6, result.stdout + result.stderr
