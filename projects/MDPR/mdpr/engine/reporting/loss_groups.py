"""Two dozen loss terms as five sums, by the part of the method they train."""

from collections.abc import Mapping

# How the terms of each group begin, behind "loss_".
GROUPS = {
    "hard": ("hard_",),
    "soft": ("attn_",),
    "fusion": ("fusion_",),
    "distillation": ("mutual_distillation",),
    "diversity": ("diversity_",),
    "nested": ("nested_",),
}


def loss_groups(scalars: Mapping[str, float]) -> dict[str, float]:
    """Sum of the loss terms of each group.

    Args:
        scalars: by name; what is not a loss term (``loss_...``) is left out.

    Returns:
        The groups that have terms, in a fixed order. Terms of no group are summed as "other", but where
        that would be all there is (another architecture), there are no groups.
    """
    terms = {name.removeprefix("loss_"): value for name, value in scalars.items() if name.startswith("loss_")}
    groups = {}
    for group, beginnings in GROUPS.items():
        members = [name for name in terms if name.startswith(beginnings)]
        if members:
            groups[group] = sum(terms.pop(name) for name in members)
    if groups and terms:
        groups["other"] = sum(terms.values())
    return groups
