"""How far a training step in half precision is from one in float32: every term, the gradient, the features.

One step of a run, forward and backward, on the batch and from the weights of which the authors' release gave
the numbers (`official_r18`), in each number format.

    python scripts/benchmarks/fidelity.py --docs docs               # on the CPU, which may emulate them
    python scripts/benchmarks/fidelity.py --device cuda --json FILE # on a GPU
"""

import argparse
import itertools
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import mdpr  # noqa: F401 -- before fastreid, which it mends

if __name__ == "__main__":  # run as a file, which puts its own folder on the path
    sys.path[0] = str(Path(__file__).resolve().parents[1])

# isort: split
import torch
from fastreid.utils.events import EventStorage
from mdpr.checkpoint import convert_official_state_dict
from mdpr.engine.network import build_network
from mdpr.engine.setup import make_config
from mdpr.engine.steps import TrainingStep
from mdpr.engine.steps.mixed_precision import DTYPES, Precision
from mdpr.host import cpu_computes_in_bfloat16
from mdpr_doctor import reference
from torch import Tensor
from torch.nn.functional import cosine_similarity

from benchmarks.measuring import describe_machine
from benchmarks.pages import Page, Results, argument_parser, run, table

BASE: Final = str(Path(__file__).resolve().parents[2] / "configs/Base-MDPR.yml")
NETWORK: Final = "official_r18"
EXACT: Final = "fp32"
FORMATS: Final = {EXACT: torch.float32, "bf16": DTYPES["bf16"], "fp16": DTYPES["fp16"]}
GRADIENT: Final = "gradient, cosine"
FEATURES: Final = "test features, least cosine"


def take_step(dtype: torch.dtype, device: str) -> tuple[dict[str, float], Tensor, Tensor]:
    """Losses and length of the gradient by name, the gradient (N,), and the test features (B, D)."""
    numbers = reference.run(NETWORK)
    options = {**reference.options(numbers), "MODEL.DEVICE": device, "MODEL.BACKBONE.PRETRAIN": False}
    cfg, _ = make_config(BASE, list(itertools.chain(*options.items())))
    model = build_network(cfg)
    model.load_state_dict(convert_official_state_dict(reference.state_dict(numbers["state_dict_shapes"])))
    batch, precision = reference.batch(numbers, device), Precision(dtype)
    with torch.no_grad(), precision.autocast(torch.device(device)):
        features = model.eval()(batch)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    step = TrainingStep(model.train(), itertools.repeat(batch), optimizer, None, precision=precision)
    step.iter = 0
    scalars: dict[str, float] = {}
    with EventStorage():
        while "gradient_norm" not in scalars:  # float16 may overflow, and its factor has to fall
            step.run_step()
            step.settle()
            scalars = step.scalars.read()
    gradient = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    terms = [name for name in scalars if name.startswith("loss_")] + ["total_loss", "gradient_norm"]
    return {name: scalars[name] for name in terms}, gradient.double().cpu(), features.double().cpu()


def measure(arguments: argparse.Namespace) -> Results:
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):  # or float32 would not be exact
        steps = {name: take_step(dtype, arguments.device) for name, dtype in FORMATS.items()}
    exact, exact_gradient, exact_features = steps[EXACT]
    rows: list[dict[str, Any]] = [
        {"term": term, **{name: terms[term] for name, (terms, _, _) in steps.items()}} for term in exact
    ]
    gradients = {name: cosine_similarity(step[1], exact_gradient, dim=0) for name, step in steps.items()}
    features = {name: cosine_similarity(step[2], exact_features).min() for name, step in steps.items()}
    for term, cosines in ((GRADIENT, gradients), (FEATURES, features)):
        rows.append({"term": term, **{name: cosine.item() for name, cosine in cosines.items()}})
    return {"machine": machine(arguments.device), "rows": rows}


def machine(device: str) -> dict[str, str]:
    """What decides how the numbers are rounded."""
    facts = describe_machine()
    facts = {name: facts[name] for name in ("processor", "instructions", "libraries")}
    if torch.device(device).type == "cuda":
        return {"GPU": torch.cuda.get_device_name(device), **facts}
    emulated = "fp16" if cpu_computes_in_bfloat16() else "bf16 and fp16"
    return {**facts, "emulated": f"{emulated}, in which a run on this CPU would not train"}


def sections(results: Results, picture: str) -> list[str]:
    halves = [name for name in FORMATS if name != EXACT]
    headers = ["term", EXACT, *itertools.chain(*((name, "off by") for name in halves))]
    return [table([_cells(row, halves) for row in results["rows"]], headers)]


def _cells(row: Mapping[str, Any], halves: Sequence[str]) -> list[str]:
    exact = row[EXACT]
    cells = [row["term"].removeprefix("loss_"), f"{exact:.5g}"]
    for name in halves:
        cells += [f"{row[name]:.5g}", f"{100 * abs(row[name] - exact) / abs(exact):.2g} %"]
    return cells


PAGE: Final = Page("training", sections, lambda results: [])


def main(argv: Sequence[str] | None = None) -> int:
    parser = argument_parser(__doc__, PAGE, quick=False)
    parser.add_argument("--device", default="cpu", help="as MODEL.DEVICE")
    return run(PAGE, parser.parse_args(argv), measure)


if __name__ == "__main__":
    sys.exit(main())
