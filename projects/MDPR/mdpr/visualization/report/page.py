"""The page of a run, or of several: what its parts are, and that it stays below a size."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from fastreid.data.datasets.bases import ImageDataset

from mdpr.data.datasets.base import dataset_root
from mdpr.engine.results import SCORE_NAMES
from mdpr.errors import InputError
from mdpr.files import write_atomically
from mdpr.pages import render_page
from mdpr.visualization.chosen_queries import Group, choose_changes, choose_queries
from mdpr.visualization.rank_lists import THUMBNAIL, distinct_names, found_file, pictures_of
from mdpr.visualization.ranked_rows import ranked_row
from mdpr.visualization.report import sections
from mdpr.visualization.report.browser import browser_data, thumbnails_of
from mdpr.visualization.report.comparison import RankedSet, comparisons, ranked_sets
from mdpr.visualization.report.run_folder import RunFolder, read_run
from mdpr.visualization.report.settings import base_settings, differences

MOST_BYTES: Final = 14_500_000  # of the page, unless it takes more without any small picture
_CHOSEN, _LENGTH = 3, 10  # queries of a group, and images of their rankings
_ATTENTION: Final = 6  # images


def write_report(
    folders: Sequence[str | Path],
    out: str | Path | None = None,
    *,
    images: str | Path | None = None,
    workers: int = 0,
    overwrite: bool = False,
) -> Path:
    """Write the page.

    Args:
        folders: of runs (``OUTPUT_DIR``); the others are held against the first.
        out: the page; None takes ``report.html`` in the first folder.
        images: folder in which images are looked for, whose saved paths lead nowhere; None takes that of all
            data sets.
        workers: processes that read the data sets; 0 reads in this one.
        overwrite: replace a file that is there.

    Returns:
        The page's path.

    Raises:
        InputError: a file that is there, or matplotlib is not installed.
        MDPRError, OSError, TypeError, ValueError: a run's files cannot be read, or the page not written.
    """
    page = Path(folders[0], "report.html") if out is None else Path(out)
    if page.suffix not in (".html", ".htm"):
        raise InputError(f"{page} is to be a page: expected a name that ends in .html")
    if page.exists() and not overwrite:
        raise InputError(f"{page} exists: choose another name, or replace it with --force")
    runs = dict(zip(distinct_names(folders), map(read_run, folders), strict=True))
    html = render_report(runs, images=images, workers=workers)
    with write_atomically(page, "wb") as stream:
        stream.write(html.encode(errors="replace"))
    return page


def render_report(
    runs: Mapping[str, RunFolder], *, images: str | Path | None = None, workers: int = 0
) -> str:
    """The page's HTML; see `write_report`.

    Raises:
        InputError: matplotlib is not installed.
    """
    images = images or dataset_root()
    sets, notices = ranked_sets(runs)
    chosen = {ranked.name: _groups(ranked) for ranked in sets}
    compared = [one for ranked in sets for one in comparisons(ranked)]
    datasets, not_checked = sections.load_sets(runs.values())
    base, settings = base_settings()
    numbers: dict[str, int] = {}
    queries = browser_data(sets, numbers)
    render = partial(
        render_page,
        "mdpr.visualization",
        "report.html.j2",
        runs=runs,
        score_names=SCORE_NAMES,
        sets=sets,
        notices=notices,
        chosen=chosen,
        compared=[(one, sections.changes(one)) for one in compared],
        curves=sections.curves(runs),
        attention=sections.attention(runs, _looked_at(sets, chosen, datasets, images)),
        checks=[sections.data_check(dataset, workers=workers) for dataset in datasets.values()],
        not_checked=not_checked,
        base=base,
        differences=differences(settings, [run.settings for run in runs.values()]),
        row=partial(ranked_row, length=_LENGTH),
        picture=pictures_of(images),
        size=THUMBNAIL,
    )
    empty = len(
        render(data={"sets": queries, "start": "", "rest": [], "size": THUMBNAIL}).encode(errors="replace")
    )
    small = thumbnails_of(numbers, images, max(0, MOST_BYTES - empty - 4 * len(numbers)))
    data = {"sets": queries, "start": small.start, "rest": small.rest, "size": small.size}
    return render(data=data)


def _groups(ranked: RankedSet) -> list[Group]:
    """Queries to show without being asked: what changes most, then worst, median, best and random ones."""
    (name, first), *others = ranked.rankings.items()
    groups = choose_queries(first.average_precision, _CHOSEN)
    for other, second in reversed(others):
        change = f"{name} to {other}"
        groups[:0] = choose_changes(first.average_precision, second.average_precision, _CHOSEN, change)
    return groups


def _looked_at(
    sets: Sequence[RankedSet],
    chosen: Mapping[str, Sequence[Group]],
    datasets: Mapping[str, ImageDataset],
    images: str | Path | None,
) -> list[Path]:
    """Images whose attention is shown: queries of each group in turn or, where none were ranked, some."""
    if sets:
        first, groups = sets[0].first, chosen[sets[0].name][-4:]
        turns = zip(*(group.queries for group in groups), strict=False)
        queries = list(dict.fromkeys(int(query) for turn in turns for query in turn))[:_ATTENTION]
        return [found_file(str(first.query_path[query]), images) for query in queries]
    paths = [item[0] for dataset in datasets.values() for item in dataset.query]
    return [Path(path) for path in paths[:: max(1, len(paths) // _ATTENTION)]][:_ATTENTION]
