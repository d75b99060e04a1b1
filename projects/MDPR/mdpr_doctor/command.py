"""Look at this machine: what is installed, what it has, and whether it computes what it should.

Exit code 0: no check failed; 1: one did; 2: the command line is wrong.
"""

import argparse
import importlib.util
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from mdpr_doctor.facts import machine_facts
from mdpr_doctor.finding import FAILED, NOT_HERE, OK, Row, carry_out
from mdpr_doctor.registry import CHECKS

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Check as the command line asks, and print the table.

    Args:
        arguments: the command line without the program's name; None takes that of this process.

    Returns:
        The exit code: 0, or 1 where a check failed, or 130 where Ctrl-C ended them.

    Raises:
        SystemExit: the command line is wrong.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.json is not None and not _can_be_written(options.json):
        parser.error(f"--json is {options.json}: expected a file in a folder that exists and can be written")
    names = options.only or [name for name, check in CHECKS.items() if options.gpu or not check.needs_gpu]
    rows: list[Row] = []
    interrupted = False
    started = time.monotonic()
    try:
        for row in _rows(names):
            rows.append(row)
    except KeyboardInterrupt:
        interrupted = True
    sys.stdout.write(f"\n{_table(rows)}\n\n{_summary(rows, time.monotonic() - started, options)}\n")
    if options.json is not None:
        _write(options.json, rows)
    if interrupted:
        return _INTERRUPTED
    return int(any(row.finding.status == FAILED for row in rows))


def _can_be_written(path: Path) -> bool:
    return os.access(path.absolute().parent, os.W_OK) and not path.is_dir()


def _rows(names: Sequence[str]) -> Iterator[Row]:
    for number, name in enumerate(names, start=1):
        sys.stderr.write(f"[{number}/{len(names)}] {name} ...\n")
        yield carry_out(name, CHECKS[name])


def _table(rows: Sequence[Row]) -> str:
    cells = []
    for row in rows:
        found = row.finding.found + (f"\n-> {row.finding.advice}" if row.finding.advice else "")
        cells.append([row.name, row.finding.status, f"{row.seconds:.1f} s", found])
    if importlib.util.find_spec("tabulate") is None:  # the row `packages` says so
        return "\n".join("  ".join(line) for line in cells)
    from tabulate import tabulate  # noqa: PLC0415

    width = max(40, shutil.get_terminal_size((120, 24)).columns - 45)
    return tabulate(cells, ["check", "result", "time", "found"], maxcolwidths=[None, None, None, width])


def _summary(rows: Sequence[Row], seconds: float, options: argparse.Namespace) -> str:
    counts = [sum(row.finding.status == status for row in rows) for status in (OK, FAILED, NOT_HERE)]
    lines = ["{} ok, {} failed, {} not here, {:.0f} s".format(*counts, seconds)]
    without_gpu = [row for row in rows if CHECKS[row.name].needs_gpu and row.finding.status == NOT_HERE]
    if without_gpu:
        lines.append(f"Not checked on a GPU: {without_gpu[0].finding.found}")
    elif not options.gpu and not options.only:
        lines.append("The GPU half was not asked for: mdpr doctor --gpu")
    return "\n".join(lines)


def _write(path: Path, rows: Sequence[Row]) -> None:
    """Write the JSON file in one step; `mdpr.files` does that better, and may be what cannot be imported."""
    content = {"machine": machine_facts(), "checks": [row.as_json() for row in rows]}
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mdpr doctor",
        description=__doc__,
        epilog=f"checks: {', '.join(CHECKS)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--gpu", action="store_true", help="also what needs a GPU: some minutes more")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the machine and all findings there")
    parser.add_argument(
        "--only", nargs="+", choices=CHECKS, metavar="NAME", help="these checks, of either half"
    )
    return parser
