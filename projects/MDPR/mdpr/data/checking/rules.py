"""What can be wrong with the labels and splits of a data set. Each rule returns a finding or None."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from mdpr.data.checking.entries import Entry
from mdpr.data.checking.findings import Finding, ImageFacts, Severity, SplitSummary, counted


def unparsable_names(problems: Sequence[str]) -> Finding | None:
    """Files whose names do not say who is on them."""
    if not problems:
        return None
    return Finding(
        Severity.ERROR,
        f"{counted(len(problems), 'name')} cannot be parsed",
        "Training and evaluation stop at such a file. Rename or remove each.",
        tuple(problems),
    )


def broken_images(facts: Mapping[str, ImageFacts]) -> Finding | None:
    """Files that are no complete image."""
    broken = [fact for fact in facts.values() if fact.problem]
    if not broken:
        return None
    return Finding(
        Severity.ERROR,
        f"{counted(len(broken), 'image')} cannot be read",
        "Copy or download each again, or remove it. DATALOADER.SKIP_BROKEN_IMAGES True lets training "
        "(not evaluation) go on without them.",
        tuple(f"{fact.path}: {fact.problem}" for fact in broken),
    )


def empty_splits(summaries: Sequence[SplitSummary]) -> Finding | None:
    """Splits without an image."""
    empty = [summary.split for summary in summaries if not summary.images]
    if not empty:
        return None
    uses = {
        ("train",): "The set can be used for evaluation only.",
        ("query", "gallery"): "The set can be used for training only.",
    }
    advice = uses.get(tuple(empty))
    return Finding(
        Severity.WARNING if advice else Severity.ERROR,
        f"There is no image in {' and '.join(empty)}",
        advice or "Training needs train, evaluation needs query and gallery.",
    )


def incomplete_splits(summaries: Sequence[SplitSummary]) -> Finding | None:
    """Splits whose size is not the published one."""
    different = [
        f"{summary.split}: {summary.images:,} images, published {summary.published:,}"
        for summary in summaries
        if summary.published is not None and summary.images != summary.published
    ]
    if not different:
        return None
    return Finding(
        Severity.WARNING,
        f"{counted(len(different), 'split')} not of the published size",
        "Scores cannot be compared with published ones. Was the archive unpacked completely?",
        tuple(different),
    )


def unmatched_queries(entries: Sequence[Entry]) -> Finding | None:
    """Queries without a true match: a gallery image of the same identity under another camera."""
    cameras_of: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        if entry.split == "gallery":
            cameras_of[entry.identity].add(entry.camera)
    unmatched = [
        entry
        for entry in entries
        if entry.split == "query" and not cameras_of[entry.identity] - {entry.camera}
    ]
    if not unmatched:
        return None
    identities = {entry.identity for entry in unmatched}
    return Finding(
        Severity.ERROR,
        f"{counted(len(unmatched), 'query image')} of {counted(len(identities), 'identity', 'identities')} "
        "without a true match",
        "Evaluation leaves such queries out of the score: no gallery image shows the same identity "
        "under another camera.",
        tuple(f"{entry.path}: identity {entry.identity}" for entry in unmatched),
        tuple(entry.path for entry in unmatched),
    )


def shared_identities(
    entries: Sequence[Entry], distractors: frozenset[str], numbered_across_splits: bool
) -> Finding | None:
    """Identities in the training set and in the test set."""
    images_of: dict[bool, dict[str, str]] = {True: {}, False: {}}
    for entry in entries:
        images_of[entry.split == "train"].setdefault(entry.identity, entry.path)
    shared = sorted((images_of[True].keys() & images_of[False].keys()) - distractors)
    if not shared:
        return None
    pairs = [(images_of[True][identity], images_of[False][identity]) for identity in shared]
    advice = (
        "Evaluation would test people who were trained on: the score would be too high. Move each "
        "identity to one side."
        if numbered_across_splits
        else "This set numbers its training and test identities apart, so these may be different "
        "people. If they are the same, the score is too high."
    )
    return Finding(
        Severity.ERROR if numbered_across_splits else Severity.WARNING,
        f"{counted(len(shared), 'identity', 'identities')} in both the training and the test set",
        advice,
        tuple(
            f"identity {identity}: {train} and {test}"
            for identity, (train, test) in zip(shared, pairs, strict=True)
        ),
        tuple(path for pair in pairs for path in pair),
    )
