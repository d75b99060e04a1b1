"""Train MDPR and a plain baseline on SynthPersons, and compare what they reach."""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import yaml
from tabulate import tabulate

ROOT = Path(__file__).resolve().parents[1]
RUNS = {
    "MDPR": ROOT / "configs/Synthetic/mdpr_R18.yml",
    "Baseline": ROOT / "configs/Synthetic/baseline_R18.yml",
}
DATASET = "SynthPersons"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "logs/Synthetic", help="folder of the runs")
    parser.add_argument("options", nargs=argparse.REMAINDER, help="KEY VALUE ... for both trainings")
    arguments = parser.parse_args()
    rows = []
    for name, config in RUNS.items():
        folder = arguments.output / config.stem
        print(f"\n=== {name}: {config.relative_to(ROOT)}\n", flush=True)
        started = time.perf_counter()
        finished = subprocess.run(
            [
                *(sys.executable, str(ROOT / "projects/MDPR/train_net.py")),
                *("--config-file", str(config), "OUTPUT_DIR", str(folder), *arguments.options),
            ],
            cwd=ROOT,
            check=False,
        )
        if finished.returncode:
            print(f"{name} did not finish; its log is {folder / 'log.txt'}", file=sys.stderr)
            return finished.returncode
        rows.append([name, folder, time.perf_counter() - started])
    print("\n" + summary(rows))
    return 0


def summary(runs: list[list]) -> str:
    """A table of results, and where each run's files are."""
    table, places = [], []
    for name, folder, seconds in runs:
        results = json.loads((folder / "results.json").read_text())[DATASET]
        epochs = yaml.safe_load((folder / "config.yaml").read_text())["SOLVER"]["MAX_EPOCH"]
        minutes = f"{int(seconds // 60)} min {int(seconds % 60):02d} s"
        table.append([name, results["mAP"], results["Rank-1"], results["mINP"], epochs, minutes])
        places.append(
            f"{name}:\n  log         {folder / 'log.txt'}\n"
            f"  checkpoint  {folder / 'model_final.pth'}\n  results     {folder / 'results.json'}"
        )
    head = [f"on {DATASET}", "mAP %", "Rank-1 %", "mINP %", "epochs", "time"]
    return "\n".join([tabulate(table, head, tablefmt="github", floatfmt=".2f"), "", *places])


if __name__ == "__main__":
    sys.exit(main())
