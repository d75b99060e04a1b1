"""Train in float32 and in bfloat16 from the same seeds, and compare what is reached."""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import yaml
from tabulate import tabulate

ROOT = Path(__file__).resolve().parents[2]
FORMATS = {
    "float32": ("SOLVER.AMP.ENABLED", "False"),
    "bfloat16": ("SOLVER.AMP.ENABLED", "True", "SOLVER.AMP.DTYPE", "bf16"),
}


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="exit code: 0 where the mean mAPs are within --tolerance of each other, else 1",
    )
    parser.add_argument("--config-file", type=Path, default=ROOT / "configs/Synthetic/mdpr_R18.yml")
    parser.add_argument("--output", type=Path, default=ROOT / "logs/precision")
    parser.add_argument("--seeds", type=int, default=1, help="runs of each format: seeds 0, 1, ...")
    parser.add_argument("--tolerance", type=float, default=1.0, help="percentage points of mAP")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    parser.add_argument("options", nargs=argparse.REMAINDER, help="KEY VALUE ... for all runs")
    return parser.parse_args(arguments)


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse_arguments(argv)
    runs = []
    for seed in range(arguments.seeds):
        for name, options in FORMATS.items():
            print(f"\n=== {name}, seed {seed}\n", flush=True)
            folder = arguments.output / f"{name}_seed{seed}"
            run = train(arguments, folder, ("SEED", str(seed), *options))
            if run is None:
                print(
                    f"the comparison ends here; the run's log is {folder / 'log.txt'}",
                    file=sys.stderr,
                )
                return 1
            runs.append({"format": name, "seed": seed, **run})
    means = {name: mean_map(runs, name) for name in FORMATS}
    difference = abs(means["float32"] - means["bfloat16"])
    print("\n" + tabulate(runs, headers="keys", tablefmt="github", floatfmt=".2f"))
    print(f"\nmean mAP differs by {difference:.2f} points (allowed: {arguments.tolerance:g})")
    if arguments.json:
        result = {"runs": runs, "mean_mAP": means, "difference": difference}
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0 if difference <= arguments.tolerance else 1


def train(arguments: argparse.Namespace, folder: Path, options: Sequence[str]) -> dict[str, float] | None:
    """Scores and minutes of one run; None where it failed."""
    started = time.perf_counter()
    finished = subprocess.run(
        [
            *(sys.executable, str(ROOT / "projects/MDPR/train_net.py")),
            *("--config-file", str(arguments.config_file), "OUTPUT_DIR", str(folder)),
            *(*options, *arguments.options),
        ],
        cwd=ROOT,
        check=False,
    )
    if finished.returncode:
        return None
    asked = "SOLVER.AMP.DTYPE" in options
    if yaml.safe_load((folder / "config.yaml").read_text())["SOLVER"]["AMP"]["ENABLED"] != asked:
        print(
            "this machine does not compute in bfloat16: both runs would be the same",
            file=sys.stderr,
        )
        return None
    scores = next(iter(json.loads((folder / "results.json").read_text()).values()))
    minutes = (time.perf_counter() - started) / 60
    return {**{name: scores[name] for name in ("mAP", "Rank-1", "mINP")}, "minutes": minutes}


def mean_map(runs: Sequence[dict], name: str) -> float:
    return statistics.mean(run["mAP"] for run in runs if run["format"] == name)


if __name__ == "__main__":
    sys.exit(main())
