"""Make fast-reid importable on a current Python and PyTorch."""

import collections
import collections.abc
import sys
import types

torch_six = types.ModuleType("torch._six")
torch_six.string_classes = (str, bytes)
sys.modules.setdefault("torch._six", torch_six)
collections.Mapping = collections.abc.Mapping
