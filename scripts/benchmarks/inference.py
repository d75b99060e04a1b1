"""Every way to run a model on a CPU: PyTorch, deployed, compiled, ONNX Runtime, OpenVINO.

Weights are random, which changes no time. Each way has a process of its own; the machine should do nothing
else meanwhile.

    python scripts/benchmarks/inference.py --docs docs     # everything: figures, tables and plot in docs/
    python scripts/benchmarks/inference.py --quick         # tries it out
"""

import argparse
import logging
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mdpr  # noqa: F401 - before fast-reid

if __name__ == "__main__":  # run as a file, which puts its own folder on the path
    sys.path[0] = str(Path(__file__).resolve().parents[1])

# isort: split
import torch
from mdpr.engine.network import build_network
from mdpr.engine.setup import make_config
from mdpr.inference.timing import timings

from benchmarks.growth_plot import Panel
from benchmarks.measuring import describe_machine
from benchmarks.pages import Page, Results, argument_parser, run, table

logger = logging.getLogger(__name__)

CONFIG = Path(__file__).resolve().parents[2] / "configs/Market1501/mdpr_R50.yml"
NETWORKS: dict[str, list[str]] = {
    "R18": ["MODEL.BACKBONE.DEPTH", "18x", "MODEL.BACKBONE.FEAT_DIM", "512"],
    "R50": [],
    "R101-IBN": ["MODEL.BACKBONE.DEPTH", "101x", "MODEL.BACKBONE.WITH_IBN", "True"],
    "OSNet x1.0": [
        *("MODEL.META_ARCHITECTURE", "Baseline", "MODEL.HEADS.NAME", "EmbeddingHead"),
        *("MODEL.BACKBONE.NAME", "build_osnet_backbone", "MODEL.BACKBONE.DEPTH", "x1_0"),
        *("MODEL.BACKBONE.FEAT_DIM", "512", "MODEL.HEADS.EMBEDDING_DIM", "512"),
    ],
}
QUICK = ["INPUT.SIZE_TEST", "[64, 32]", "INPUT.SIZE_TRAIN", "[64, 32]", "MODEL.MDPR.EMBEDDING_DIM", "16"]
FIXED = ["MODEL.DEVICE", "cpu", "MODEL.BACKBONE.PRETRAIN", "False", "MODEL.HEADS.NUM_CLASSES", "751"]
BATCHES = (1, 8, 32)


def of_network(options: Sequence[str], seconds: float) -> list[Results]:
    """A run's folder as training would leave it, and all ways to run what is in it."""
    cfg, _ = make_config(str(CONFIG), [*FIXED, *options])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config.yaml").write_text(cfg.dump())
        (folder / "last_checkpoint").write_text("model_final.pth")
        torch.save({"model": build_network(cfg).state_dict()}, folder / "model_final.pth")
        rows = []
        for one in timings(folder, BATCHES, seconds=seconds):
            logger.info("%s", one)
            rows.append(asdict(one))
        return rows


def measure(options: argparse.Namespace) -> Results:
    names = ["R18"] if options.quick else options.networks
    machine = describe_machine()
    runtimes = ", ".join(f"{name} {version(name)}" for name in ("onnxruntime", "openvino", "nncf"))
    machine |= {"runtimes": runtimes, "load": f"{os.getloadavg()[0]:.1f} at the start"}
    changes, seconds = (QUICK, 0.01) if options.quick else ([], options.seconds)
    rows = {name: of_network([*NETWORKS[name], *changes], seconds) for name in names}
    machine["load"] += f", {os.getloadavg()[0]:.1f} at the end"
    return {"quick": options.quick, "machine": machine, "networks": rows}


def sections(results: Results, picture: str) -> list[str]:
    headers = ["", *(f"ms/image of {batch}" for batch in BATCHES), "times as fast", "start, s", "memory, MB"]
    parts = []
    for name, rows in results["networks"].items():
        ran = [row for row in rows if row["milliseconds"]]
        times = [list(row["milliseconds"].values()) for row in ran]
        cells = [
            [
                row["form"],
                *(f"{value:.1f}" for value in values),
                f"{times[0][1] / values[1]:.2f}",  # of 8 images, against the plain network
                f"{row['start']:.1f}",
                "" if row["megabytes"] is None else f"{row['megabytes']:.0f}",
            ]
            for row, values in zip(ran, times, strict=True)
        ]
        failures = [f"{row['form']} did not run: {row['failure']}" for row in rows if row.get("failure")]
        parts += [f"### {name}", table(cells, headers), *failures]
    return [*parts, f"![Time of an image by batch, for each way to run a network]({picture})"]


def panels(results: Results) -> list[Panel]:
    return [
        Panel(
            "images at a time",
            "ms/image",
            {row["form"]: _points(row) for row in rows if row["milliseconds"]},
            title=name,
        )
        for name, rows in results["networks"].items()
    ]


def _points(row: dict[str, Any]) -> list[tuple[float | str, float]]:
    return [(str(batch), value) for batch, value in row["milliseconds"].items()]


PAGE = Page("export", sections, panels)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argument_parser(__doc__, PAGE)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--seconds", type=float, default=5.0, help="of each way and batch, about")
    return run(PAGE, parser.parse_args(arguments), measure)


if __name__ == "__main__":
    sys.exit(main())
