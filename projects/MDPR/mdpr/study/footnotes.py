"""What must be said of a table: which runs stand on other code, data, versions or devices than the rest."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mdpr.study.collect import Result
from mdpr.study.plan import Run


@dataclass(frozen=True)
class Footnote:
    """A sentence, and the rows that it is of; none where it is of all."""

    text: str
    rows: frozenset[str] = frozenset()


def footnotes(results: Sequence[Result]) -> list[Footnote]:
    """Everything in which finished runs differ that a study does not want to differ."""
    notes = []
    names: dict[str, str] = {}  # of code, by its hash: several commits may have the same
    for result in results:
        code = result.fingerprint.get("code", {})
        commit = f" (commit {code['commit']})" if code.get("commit") else ""
        names.setdefault(code.get("hash", "unknown"), f"{code.get('hash', 'unknown')}{commit}")
    facts = {result.run: _facts(result, names) for result in results}
    for fact in dict.fromkeys(fact for each in facts.values() for fact in each):
        values = {run: each[fact] for run, each in facts.items() if fact in each}
        notes += _differing(f"Not all with the same {fact}", values)
    rows: dict[tuple[str, str], dict[Run, str]] = defaultdict(dict)
    for result in results:
        if result.run.weights is None:  # else its config names those of its seed
            config = result.fingerprint.get("config", "unknown")
            rows[result.run.row, result.run.data_set][result.run] = config
    for (row, _), values in rows.items():
        notes += _differing(f"Not all runs of {row} have the same config", values)
    mixed = [result.run for result in results if len(result.codes) > 1]
    if mixed:
        text = f"Cut off, and gone on with by other code: {names_of(mixed)}"
        notes.append(Footnote(text, frozenset(run.row for run in mixed)))
    most = max((result.at_once for result in results), default=1)
    if most > 1:
        notes.append(Footnote(f"Times are of runs of which up to {most} shared the machine"))
    return notes


def names_of(runs: Iterable[Run]) -> str:
    """Runs by row, as in "both seeds 0, 1; baseline seed 2"."""
    seeds: dict[str, list[int]] = defaultdict(list)
    for run in runs:
        seeds["/".join(filter(None, (run.row, run.data_set)))].append(run.seed)
    return "; ".join(
        f"{row} seed{'s' if len(numbers) > 1 else ''} {', '.join(map(str, sorted(numbers)))}"
        for row, numbers in seeds.items()
    )


def _facts(result: Result, names: Mapping[str, str]) -> dict[str, str]:
    """What should be the same in all runs, by what it is called."""
    found = result.fingerprint
    code = names[found.get("code", {}).get("hash", "unknown")]
    facts = {"code": code, "device": found.get("device", "unknown")}
    facts |= found.get("versions", {})
    return facts | {f"images of {name}": value for name, value in found.get("data", {}).items()}


def _differing(what: str, values: Mapping[Run, str]) -> list[Footnote]:
    """A note where there are several values: the one of most runs, and who has another."""
    groups: dict[str, list[Run]] = defaultdict(list)
    for run, value in values.items():
        groups[value].append(run)
    if len(groups) < 2:
        return []
    (usual, members), *others = sorted(groups.items(), key=lambda group: -len(group[1]))
    said = "; ".join(f"{value}: {names_of(runs)}" for value, runs in others)
    rows = frozenset(run.row for _, runs in others for run in runs)
    return [Footnote(f"{what}: {usual} in {len(members)} runs, but {said}", rows)]
