"""Packages that take long to import are there when they are used, and not before."""

import json

from support.processes import python

CODE = r"""
import json, sys, torch
import mdpr
roi_align = sys.modules["torchvision.ops.roi_align"]
from fastreid.evaluation import reid_evaluation
early = [name for name in ("sklearn", "torch._dynamo") if name in sys.modules]
supported = roi_align.is_compile_supported("cpu")
import torch._dynamo, torch._dynamo.utils, sklearn
rates = reid_evaluation.metrics.roc_curve([0, 1, 1], [0.1, 0.2, 0.9])[1].tolist()
print(json.dumps({
    "early": early,
    "supported": supported == torch._dynamo.utils.is_compile_supported("cpu"),
    "dynamo": torch._dynamo.config.__name__,
    "rates": rates,
    "sklearn": sklearn.__version__,
}))
"""


def test_they_are_imported_when_they_are_used():
    result = python("-c", CODE)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found.pop("sklearn")
    assert found == {
        "early": [],
        "supported": True,
        "dynamo": "torch._dynamo.config",
        "rates": [0, 0.5, 1, 1],
    }


def test_what_is_loaded_already_is_left_alone():
    code = "import sklearn, torch._dynamo as d; import mdpr, sys; assert sys.modules['torch._dynamo'] is d"
    result = python(
        "-c", f"{code}; from fastreid.evaluation import reid_evaluation as r; r.metrics.roc_curve"
    )
    assert result.returncode == 0, result.stderr


def test_a_first_use_while_importing_gets_the_module_itself():
    code = r"""
from mdpr.compat.on_demand import imported_on_demand
import sys, torch
for name in ("sklearn", "torch._dynamo"):
    assert name not in sys.modules
with imported_on_demand():
    import torch._dynamo as stand_in
    assert stand_in.config is not None
    import torch._dynamo
    assert torch._dynamo is not stand_in
assert sys.modules["torch._dynamo"].__spec__ is not None
assert "sklearn" not in sys.modules
"""
    result = python("-c", code)
    assert result.returncode == 0, result.stderr
