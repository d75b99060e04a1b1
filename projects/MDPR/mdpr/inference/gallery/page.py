"""Answers to look at: as a table, and as one HTML file that needs no other."""

from collections.abc import Sequence
from pathlib import Path

from tabulate import tabulate

from mdpr.files import write_atomically
from mdpr.inference.gallery.search import Answer
from mdpr.pages import render_page


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
    queries = list(zip(names, answers, pictures, strict=True))
    page = render_page("mdpr.inference.gallery", "answers.html.j2", title=title, queries=queries)
    with write_atomically(file, "wb") as stream:
        stream.write(page.encode())
