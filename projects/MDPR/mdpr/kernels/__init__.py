"""The same numbers in less time: nothing here belongs to the method, and a network without it is the same.

`accelerate` is the one door. On other devices than CPUs, what is made for CPUs steps aside by a look at the
device.
"""

from mdpr.kernels.accelerate import KERNELS, accelerate

__all__ = ["KERNELS", "accelerate"]
