"""Answers to look at: as a table, and as one HTML file that needs no other."""

from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from tabulate import tabulate

from mdpr.files import write_atomically
from mdpr.inference.gallery.search import Answer


def answers_table(names: Sequence[str], answers: Sequence[Answer]) -> str:
    """A line for each match, those of a query one below the other."""
    rows = []
    for name, answer in zip(names, answers, strict=True):
        verdict = "unknown" if answer.unknown else answer.person or "no person"
        for rank, match in enumerate(answer.matches, 1):
            first = [name, verdict] if rank == 1 else ["", ""]
            rows.append([*first, rank, match.person or "-", f"{match.similarity:.3f}", match.id])
        if not answer.matches:
            rows.append([name, verdict, *[""] * 4])
    headers = ["query", "answer", "rank", "person", "similarity", "image"]
    return tabulate(rows, headers, tablefmt="github", disable_numparse=True)


def write_page(
    names: Sequence[str], answers: Sequence[Answer], pictures: Sequence[bytes], title: str, file: str | Path
) -> None:
    """Write a page of pictures: of each query its name, its own JPEG (or nothing), and its matches."""
    environment = Environment(
        loader=PackageLoader("mdpr.inference.gallery"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["picture"] = lambda jpeg: f"data:image/jpeg;base64,{b64encode(jpeg).decode()}"
    queries = list(zip(names, answers, pictures, strict=True))
    page = environment.get_template("answers.html.j2").render(title=title, queries=queries)
    with write_atomically(file, "wb") as stream:
        stream.write(page.encode())
