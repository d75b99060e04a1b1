"""From a benchmark's command line to its figures, tables, picture and page."""

import argparse
import json
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mdpr.errors import MDPRError
from mdpr.files import write_atomically
from tabulate import tabulate

from benchmarks.growth_plot import Panel, plot_growth

BEGIN: Final = "<!-- benchmark: begin -->"
END: Final = "<!-- benchmark: end -->"

Results = dict[str, Any]


@dataclass(frozen=True)
class Page:
    """A page of the documentation with what a benchmark measured.

    Attributes:
        name: of the page, and what the names of its files begin with.
        sections: the parts of its Markdown, behind the machine; "" for none. Called with the results and
            the file name of the picture.
        panels: of the picture; none where growth was not measured.
    """

    name: str
    sections: Callable[[Results, str], list[str]]
    panels: Callable[[Results], list[Panel]]

    @property
    def picture(self) -> str:
        """File name of the picture of growth."""
        return f"{self.name}_growth.png"

    def markdown(self, results: Results) -> str:
        """Lay out everything that goes between the page's two marks."""
        lines = [f"- {name}: {text}" for name, text in results["machine"].items()]
        if results.get("quick"):
            lines.insert(0, "- a trial run on small problems, whose figures mean nothing")
        return "\n\n".join(filter(None, ["\n".join(lines), *self.sections(results, self.picture)]))

    def write(self, results: Results, folder: Path) -> None:
        """Write figures and picture into a folder, and the tables into its page.

        Raises:
            MDPRError: the page has no place for them.
            OSError: there is no such page, or a file cannot be written.
        """
        write_json(results, folder / f"{self.name}_benchmark.json")
        if panels := self.panels(results):
            plot_growth(panels, folder / self.picture)
        page = folder / f"{self.name}.md"
        before, begin, rest = page.read_text().partition(BEGIN)
        _, end, after = rest.partition(END)
        if not (begin and end):
            raise MDPRError(f"{page}: the figures go between the lines {BEGIN} and {END}; add both")
        with write_atomically(page) as stream:
            stream.write(f"{before}{BEGIN}\n\n{self.markdown(results)}\n\n{END}{after}")


def argument_parser(description: str | None, page: Page, *, quick: bool = True) -> argparse.ArgumentParser:
    """What every benchmark takes; ``quick`` where it can be tried on small problems."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if quick:
        parser.add_argument("--quick", action="store_true", help="small problems, of seconds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    files = f"{page.name}_benchmark.json, and the picture if there is one, there, tables into {page.name}.md"
    parser.add_argument("--docs", type=Path, metavar="FOLDER", help=f"write {files}")
    parser.add_argument("--from-json", type=Path, metavar="FILE", help="measure nothing, take these")
    return parser


def run(page: Page, arguments: argparse.Namespace, measure: Callable[[argparse.Namespace], Results]) -> int:
    """Measure, or read, and write what was asked for; the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    given = arguments.from_json
    results = json.loads(given.read_text()) if given else measure(arguments)
    print(page.markdown(results))
    try:
        if arguments.json:
            write_json(results, arguments.json)
        if arguments.docs:
            page.write(results, arguments.docs)
    except (OSError, MDPRError) as error:
        sys.exit(f"error: {error}")
    return 0


def write_json(results: Results, file: Path) -> None:
    """Write figures for ``--from-json``."""
    with write_atomically(file) as stream:
        stream.write(json.dumps(results, indent=1) + "\n")


def table(rows: Sequence[Sequence[str]], headers: Sequence[str]) -> str:
    """Lay out cells, columns of figures to the right; "" for no rows."""
    if not rows:
        return ""
    columns = zip(*rows, strict=True)
    figures = [all(not cell or cell.lstrip("-")[:1].isdigit() for cell in column) for column in columns]
    sides = ["right" if each else "left" for each in figures]
    return tabulate(rows, headers, tablefmt="github", disable_numparse=True, colalign=sides)
