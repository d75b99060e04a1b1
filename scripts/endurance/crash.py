"""Kill a small training at random moments, resume it each time, and check that nothing is lost.

Exit status 0: after every kill all checkpoints were sound and the run went on from the last one, and
in the end weights, optimizer, schedules, random generators, logged losses and results were those of a
run that was never killed, to the last bit.
"""

import argparse
import dataclasses
import json
import os
import sys
import tempfile
from pathlib import Path

# Before PyTorch is imported: results are the same to the last bit only with the same threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":  # run as a file, which puts its own folder on the path
    sys.path[0] = str(Path(__file__).resolve().parents[1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--epochs", type=int, default=6, help="length of the training")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--output", type=Path, help="keep the runs there; default: nowhere")
    parser.add_argument("--json", type=Path, help="write the outcome to this file")
    parser.add_argument(
        "--forked", action="store_true", help="fork processes instead of starting Python each time"
    )
    parser.add_argument("options", nargs=argparse.REMAINDER, help="KEY VALUE ... for the training")
    arguments = parser.parse_args()
    if arguments.output is not None:
        return crash_test(arguments, arguments.output)
    with tempfile.TemporaryDirectory(prefix="crash_test_") as folder:
        return crash_test(arguments, Path(folder))


def crash_test(arguments: argparse.Namespace, folder: Path) -> int:
    import mdpr  # noqa: PLC0415 -- what a forked training would import again

    # isort: split
    import mdpr.engine.setup  # noqa: PLC0415
    import mdpr.engine.trainer  # noqa: F401, PLC0415
    from mdpr.errors import MDPRError  # noqa: PLC0415
    from tabulate import tabulate  # noqa: PLC0415

    from endurance.kill_and_resume import CrashTest  # noqa: PLC0415

    test = CrashTest(
        ROOT / "projects/MDPR/train_net.py",
        ROOT / "configs/Synthetic/mdpr_R18.yml",
        folder,
        epochs=arguments.epochs,
        seed=arguments.seed,
        forked=arguments.forked,
        options=arguments.options,
        report=lambda kill: print(
            f"killed after {kill.seconds:.1f} s, aimed at a {kill.moment}; resumes at step {kill.steps}"
            + "".join(f"\n  {problem}" for problem in kill.problems),
            flush=True,
        ),
    )
    try:
        outcome = test.run(arguments.kills)
    except MDPRError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    rows = [
        [moment, len(kills), sum(k.in_write for k in kills), sum(bool(k.problems) for k in kills)]
        for moment in ("write", "step", "start")
        if (kills := [kill for kill in outcome.kills if kill.moment == moment])
    ]
    print(tabulate(rows, ["aimed at", "kills", "in a write", "problems"], tablefmt="github"))
    print(*outcome.differences, sep="\n")
    clean = sum(not kill.problems for kill in outcome.kills)
    print(
        f"{clean} of {len(outcome.kills)} kills without loss, {outcome.runs} whole runs, "
        f"{len(outcome.differences)} differences, {outcome.seconds:.0f} s"
    )
    if arguments.json is not None:
        content = {**dataclasses.asdict(outcome), "passed": outcome.passed}
        arguments.json.write_text(json.dumps(content, indent=2) + "\n")
    return 0 if outcome.passed else 1


if __name__ == "__main__":
    sys.exit(main())
