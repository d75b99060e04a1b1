"""Weight files of the authors' release to this project's, and back."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as safetensors_bytes

from mdpr.checkpoint.implied_config import implied_overrides, is_mdpr
from mdpr.checkpoint.official import convert_official_state_dict, is_official, to_official_state_dict
from mdpr.checkpoint.reading import first_names, read_checkpoint, state_dict_of
from mdpr.errors import CheckpointError
from mdpr.files import write_atomically


def convert_file(
    source: str | Path,
    target: str | Path,
    *,
    to_official: bool = False,
    later_variant: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Read weights of either kind and write them as the other, values untouched.

    Args:
        source: a file of the authors' release or of this project, ``.pth`` or ``.safetensors``.
        target: the file to write; the suffix chooses the format.
        to_official: write the release's names instead of this project's.
        later_variant: with ``to_official``, name the predictors as the release's later variant does.
        overwrite: replace a file that is there.

    Returns:
        The config overrides that the weights imply; see `implied_overrides`.

    Raises:
        FileNotFoundError: there is no source.
        CheckpointError: the source cannot be read or is no MDPR network, or the target exists.
    """
    target = Path(target)
    if target.exists() and not overwrite:
        raise CheckpointError(f"{target} exists: choose another name, or overwrite it with --force")
    weights = state_dict_of(read_checkpoint(source), source)
    weights = {name.removeprefix("module."): tensor for name, tensor in weights.items()}
    ours = convert_official_state_dict(weights) if is_official(weights) else weights
    if not is_mdpr(ours):
        raise CheckpointError(
            f"{source} holds no MDPR network, official or this project's; its first tensors are "
            + first_names(list(weights))
        )
    content = to_official_state_dict(ours, later_variant) if to_official else ours
    with write_atomically(target, "wb") as file:
        if target.suffix == ".safetensors":
            file.write(safetensors_bytes({name: t.contiguous() for name, t in content.items()}))
        else:
            torch.save({"model": content}, file)
    return implied_overrides(ours)
