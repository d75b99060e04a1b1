"""Configs x seeds: run what is missing, and show what is finished, with how sure the differences are."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from mdpr.cli.reporting import Main, say, subcommand, subcommand_of_actions
from mdpr.errors import InputError
from mdpr.files import write_atomically
from mdpr.study.record import State
from mdpr.study.schedule import run_study
from mdpr.study.slurm import submit_study
from mdpr.study.study_file import read_study

_LEFT = 3  # exit code where runs are left that did not fail


def _run(options: argparse.Namespace) -> int:
    study = read_study(options.study, output=options.output, options=options.options)
    runs = study.pick(options.rows, options.seeds)
    if options.slurm is not None:
        pairs = [pair.partition("=") for pair in options.slurm]
        if wrong := next((name for name, equals, _ in pairs if not equals), None):
            raise InputError(f"--slurm {wrong}: expected KEY=VALUE, such as slurm_partition=gpu")
        parameters = {name: value for name, _, value in pairs}
        submit_study(study, runs, _say_now, parameters=parameters, rerun=options.rerun)
        return 0
    given = {"jobs": options.jobs, "jobs_per_gpu": options.jobs_per_gpu, "budget": options.budget}
    states = run_study(study, runs, _say_now, rerun=options.rerun, **given)
    say(", ".join(f"{number} {state.value}" for state, number in states.most_common()))
    if states[State.FAILED]:
        return 1
    return 0 if states[State.FINISHED] == len(runs) else _LEFT


def _say_now(line: str) -> None:
    say(line)
    sys.stdout.flush()  # of hours of work, also where the output is a file


def _show(options: argparse.Namespace) -> int:
    from mdpr.study.show import show_study  # noqa: PLC0415

    given = {"output": options.output, "options": options.options, "reference": options.reference}
    study = read_study(options.study, **given)
    text = show_study(
        study, study.pick(options.rows, options.seeds), form=options.format, picture=options.plot
    )
    if options.out is None:
        say(text)
        return 0
    with write_atomically(options.out) as file:
        file.write(f"{text}\n")
    say(str(options.out.absolute()))
    return 0


_ACTIONS: dict[str, tuple[Callable[[argparse.Namespace], int], str]] = {
    "run": (_run, "run what is missing, and go on with what was cut off"),
    "show": (_show, "show tables of what is finished, and what is left; run nothing"),
}


def _parser(action: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"mdpr study {action}", description=_ACTIONS[action][1].capitalize()
    )
    add = parser.add_argument
    add("study", type=Path, metavar="STUDY.yml", help="the study file")
    add("--output", type=Path, metavar="FOLDER", help="of the runs, in the place of the study file's")
    add(
        "--options", nargs="+", default=[], metavar="KEY VALUE", help="of all rows, such as MODEL.DEVICE cuda"
    )
    add("--rows", nargs="+", default=[], metavar="ROW", help="only these rows")
    add("--seeds", nargs="+", type=int, default=[], metavar="SEED", help="only these seeds")
    if action == "run":
        add("--jobs", type=int, metavar="N", help="runs at once (one a GPU; on a CPU one for four cores)")
        add("--jobs-per-gpu", type=int, default=1, metavar="K", help="runs that share a GPU (%(default)s)")
        add("--budget", type=float, metavar="MINUTES", help="then let running ones save and end")
        add("--rerun", action="store_true", help="move runs that the study has changed aside, and run anew")
        add(
            *("--slurm",),
            nargs="*",
            metavar="KEY=VALUE",
            help="submit jobs, with submitit's parameters, such as slurm_partition=gpu timeout_min=240",
        )
    else:
        add("--reference", metavar="ROW", help="hold the others against this row, not the study file's")
        add("--format", choices=("md", "latex", "csv"), default="md", help="(default: %(default)s)")
        add("--out", type=Path, metavar="FILE", help="write the table to this file")
        add("--plot", type=Path, metavar="FILE", help="also draw it, as a .png, .pdf or .svg file")
    return parser


def _main_of(action: str) -> Main:
    return subcommand(lambda: _parser(action), _ACTIONS[action][0])


_PURPOSES = {action: purpose for action, (_, purpose) in _ACTIONS.items()}
main = subcommand_of_actions("mdpr study", _PURPOSES, _main_of)
